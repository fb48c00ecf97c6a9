"""The benchmark: what is measured in which sizes, and the tables that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from . import machine
from .material import prepare, settings_of
from .measure import measure, medians
from .targets import COLUMNS, OF_ROW, Tables

MACHINE_COLUMNS = ("what", "encoder", "value", "unit")
# Points × instances × tiles that the plain way is given at once: it holds some 1.5 GB then
MOST = 1 << 23
BATCH = {"compositing_train": 16, "compositing_inference": 4}
# Operations or functions of a row that the table of profiles keeps
PROFILED = 12


class Item(NamedTuple):
    """A row to measure: its case, the case's arguments, and what the row says of them."""

    what: str
    arguments: dict[str, Any]
    encoder: str = ""
    n: int | None = None
    grid: int | None = None
    plain: bool = True
    profiled: bool = False


def items(sizes: Mapping[str, Any], network: Mapping[str, int]) -> list[Item]:
    """All rows, the ones of the targets first in each group.

    Args:
        sizes: the config's section ``benchmarks``.
        network: ``n`` (instances a tile), ``grid`` (training), ``size`` (px a tile), ``batch``, and
            ``encoder`` (the run's).
    """
    encoders = sizes["encoders"]
    found = list(_compositing("compositing_train", sizes, network["n"], network["grid"]))
    found += _compositing("compositing_inference", sizes, network["n"], network["size"])
    fixed = {"n": network["n"], "grid": network["grid"]}
    batch = {"batch": network["batch"]}
    found += [
        Item("training_step", {"encoder": name, **batch}, name, **fixed, profiled=True) for name in encoders
    ]
    if {"efficientnet-lite0", "resnet50"} <= set(encoders):
        found.append(Item("lite0_vs_resnet50", batch, "efficientnet-lite0", **fixed))
    largest, sides = encoders[-1], sizes["prediction_sides"]
    wanted = [(largest, side) for side in sides] + [(name, min(sides)) for name in encoders[:-1]]
    for name, side in wanted:
        arguments = {"encoder": name, "side": side}
        profiled = (name, side) == (largest, max(sides))
        found.append(Item("prediction", arguments, name, network["n"], side, profiled=profiled))
    for tiles in sizes["evaluation_tiles"]:
        profiled = tiles == max(sizes["evaluation_tiles"])
        found.append(
            Item("evaluation", {"tiles": tiles}, "", network["n"], network["size"], profiled=profiled)
        )
    return found + [
        Item("segment", {"side": side}, network["encoder"], network["n"], side, plain=False)
        for side in sizes["segment_sides"]
    ]


def _compositing(what: str, sizes: Mapping[str, Any], n: int, grid: int) -> Iterator[Item]:
    wanted = [(n, grid, "trained"), (n, grid, "all")]
    wanted += [(n, other, "trained") for other in sizes["grids"] if other != grid]
    wanted += [(other, grid, "trained") for other in sizes["instances"] if other != n]
    for instances, points, present in wanted:
        # the largest batch up to the paper's that the plain way can hold
        batch = max(1, min(BATCH[what], MOST // (instances * points * points)))
        arguments = {"n": instances, "grid": points, "batch": batch, "present": present}
        targeted = (instances, points) == (n, grid)
        yield Item(what, arguments, "", instances, points, profiled=targeted)


def run_item(
    item: Item, material: Mapping[str, Any], repeats: int, threads: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure a row.

    Returns:
        The row (``COLUMNS``), and what was found beside it: ``peak``, the whole process's with the fast way;
        ``profile``, rows of ``profile.csv``; ``kernel`` of compositing, where there is any.
    """
    arguments = {"material": material, **item.arguments}
    # memory of one process: what several share would be counted once or never
    alone = _processes(arguments, 1)
    wanted = {"time": _processes(arguments, threads), "fast": alone}
    if item.plain:
        wanted["plain"] = alone
    if item.profiled:
        wanted["profile"] = alone
    found = measure(item.what, wanted, repeats, threads)
    ms, facts = medians(found["time"]["seconds"]), found["time"]["facts"]
    values = {"what": item.what, "encoder": item.encoder, "n": item.n, "grid": item.grid}
    values |= {"batch": item.arguments.get("batch"), **facts, "fast_ms": round(ms["fast"], 3)}
    values["fast_mib"] = round(found["fast"]["rise"], 1)
    if item.plain:
        values |= {"plain_ms": round(ms["plain"], 3), "plain_mib": round(found["plain"]["rise"], 1)}
        values["ratio"] = round(ms["plain"] / ms["fast"], 2)
    shares = found["profile"]["shares"] if item.profiled else []
    named = {name: values.get(name) for name in OF_ROW}
    profile = [named | {"operation": operation, "share": share} for operation, share in shares]
    beside = {"peak": found["fast"]["peak"], "profile": profile, "kernel": facts.get("kernel")}
    return {name: values.get(name) for name in COLUMNS}, beside


def _processes(arguments: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {**arguments, "processes": number} if "tiles" in arguments else dict(arguments)


def run(
    weights: Path,
    tiles: Path,
    prediction: Mapping[str, Any],
    sizes: Mapping[str, Any],
    encoder: str,
    threads: int,
    scratch: Path,
    tell: Callable[[str], None] = print,
) -> tuple[Tables, dict[str, Any]]:
    """Measure everything.

    Args:
        weights: of a canonical run, ``model.safetensors``.
        tiles: folder of the sets of tiles.
        prediction: the run's section ``prediction``.
        sizes: the config's section ``benchmarks``.
        encoder: the run's.
        threads: of torch.
        scratch: folder for files that nobody keeps.
        tell: takes a line of progress.

    Returns:
        The tables, and what was found beside them: ``compositing``, ``compiled`` or ``chunked``.
    """
    torch.set_num_threads(threads)
    material = prepare(weights, tiles, dict(prediction), scratch)
    settings = settings_of(material)
    cells = (settings["tile_size"] // settings["network"].get("stride", 16)) ** 2
    network = {
        **{"n": settings["network"]["instances_per_cell"] * cells},
        **{"grid": settings["network"]["grid"], "size": settings["tile_size"], "encoder": encoder},
        "batch": sizes["batch_size"],
    }
    wanted = items(sizes, network)
    rows, profiles, peaks, kernels = [], [], {}, set()
    for number, item in enumerate(wanted, start=1):
        row, beside = run_item(item, material, sizes["repeats"], threads)
        rows.append(row)
        profiles += beside["profile"]
        kernels |= {beside["kernel"]} - {None}
        if item.what == "training_step":
            peaks[item.encoder] = beside["peak"], row["fast_ms"]
        plain = "" if row["plain_ms"] is None else f"plain {row['plain_ms']:.1f} ms, "
        place = f"{item.encoder} n={item.n} grid={item.grid}".strip()
        tell(f"{number} of {len(wanted)}: {item.what} {place}: {plain}fast {row['fast_ms']:.1f} ms")
    rates = machine.machine_rates(sizes["matrix_side"], 0.1 * sizes["repeats"])
    table = pd.DataFrame(rows, columns=COLUMNS)
    segment = table["what"] == "segment"
    tables = Tables(
        benchmarks=table[~segment].reset_index(drop=True),
        segment=table[segment].reset_index(drop=True),
        machine=_machine(material, sizes, network["batch"], threads, peaks, rates),
        profile=_first(pd.DataFrame(profiles, columns=[*OF_ROW, "operation", "share"])),
    )
    return tables, {"compositing": " and ".join(sorted(kernels))}


def _first(profile: pd.DataFrame) -> pd.DataFrame:
    """One profile a row: where all that a trained network places is present, two rows are the same."""
    return profile.groupby(list(OF_ROW), dropna=False, sort=False).head(PROFILED).reset_index(drop=True)


def _machine(
    material: dict[str, Any],
    sizes: Mapping[str, Any],
    batch: int,
    threads: int,
    peaks: Mapping[str, tuple[float, float]],
    rates: Mapping[str, float],
) -> pd.DataFrame:
    """The machine's rates, and of each encoder's step: its arithmetic, its shares, the peak."""
    rows = [("matmul_fp32", "", rates["matmul_fp32"], "GFLOP/s")]
    rows += [("matmul_bf16", "", rates["matmul_bf16"], "GFLOP/s"), ("threads", "", threads, "")]
    timed = partial(_time_alone, repeats=sizes["repeats"], threads=threads)
    read_ms = timed("read_batch", {"material": material, "batch": batch})
    for encoder, (peak, step_ms) in peaks.items():
        arguments = {"material": material, "encoder": encoder, "batch": batch}
        loss_ms = timed("loss_alone", arguments)
        flops = machine.step_flops(material, encoder, batch)
        rate = flops / (step_ms / 1000)
        rows += [
            ("step_arithmetic", encoder, flops, "GFLOP"),
            ("step_rate", encoder, rate, "GFLOP/s"),
            ("step_share_of_fp32", encoder, 100 * rate / rates["matmul_fp32"], "%"),
            ("step_share_of_bf16", encoder, 100 * rate / rates["matmul_bf16"], "%"),
            ("loss_share_of_step", encoder, 100 * loss_ms / step_ms, "%"),
            ("input_share_of_step", encoder, 100 * read_ms / step_ms, "%"),
            ("training_peak", encoder, peak, "MiB"),
        ]
    table = pd.DataFrame(rows, columns=MACHINE_COLUMNS)
    table["value"] = table["value"].astype(float).round(2)
    return table


def _time_alone(case: str, arguments: Mapping[str, Any], repeats: int, threads: int) -> float:
    """Median ms of a case that has a fast way only."""
    found = measure(case, {"time": arguments}, repeats, threads)
    return medians(found["time"]["seconds"])["fast"]
