"""The measured figures beside the targets, as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..files import read_json
from .targets import COLUMNS, GROWTH, OF_ROW, SLACK, Tables, number, target_table

READING = """\
`benchmarks.csv` has a row a measurement: the plain way and the fast way timed in turns in one process,
medians after a warm-up; memory is the rise of the peak over the state before the call, each in a
process of its own. Plain is fp32, contiguous, not compiled, every instance at every point
(`canonuclei/benchmarks/plain.py`, `plain_whole.py`). It stands in the package and not in `tests/`,
because the benchmark runs it; the tests have a version of their own in NumPy. All is measured on the
processor, on machines with a GPU too. `segment.csv` has the same columns for whole images segmented into
files, for which there is no plain way.

| column | what it is |
|---|---|
| `n` | instances that the network places in a tile |
| `present` | mean number of them with p(z) ≥ ½ in a tile |
| `grid` | points or pixels a side of a tile; of `prediction` and `segment`, of the image |
| `batch` | tiles at a time (fewer where the plain way would not fit); of `evaluation`, all tiles |
| `plain_ms`, `plain_mib` | empty where there is no plain way; of `lite0_vs_resnet50`, ResNet-50's fast step |

Compositing works on the outputs of the trained run for its own test tiles, or on the same with all
present. More instances than a tile has are those of several tiles together. Training steps start from
random weights, with tiles read and augmented. In `prediction` the network has random weights and the
trained run's outputs stand in for its own, so that as many nuclei are drawn and measured as a trained
network finds; the plain way stitches nothing. Where the run has fewer test tiles than `evaluation` asks
for, they come again under other names; its memory is that of one process. Images are test tiles side by
side."""

PROFILES = """\
Of each row that a target is about, the first of `profile.csv`: of `compositing_train` and `training_step` the
share of processor time by torch's operations; of the others the share of the time of one thread by Python's
functions, those in C included, without the functions that they call (`evaluation` in one process)."""

LINEAR = f"""\
As ratios to the plain way, in one run. An image of 1024×1024 has {GROWTH:.3g} times the overlapping tiles of
one of 512×512: that is the aim of "linear in area"; {SLACK:g} times as much is the least, for noise."""

# Each kind of row and its heading
WHATS = {
    "compositing_train": "compositing, forward and backward",
    "compositing_inference": "compositing, inference",
    "training_step": "training step",
    "lite0_vs_resnet50": "EfficientNet-Lite0's step against ResNet-50's (in place of plain)",
    "prediction": "prediction of an image",
    "evaluation": "evaluation of tiles",
    "segment": "segmenting an image, all files written",
}


def machine_lines(tables: Tables) -> str:
    """The machine's rates, and each encoder's step beside them, as a Markdown table."""
    lines = [
        f"Matrix products of this machine: {number(tables.value('matmul_bf16'))} GFLOP/s in bf16, "
        f"{number(tables.value('matmul_fp32'))} in fp32, on {number(tables.value('threads'))} threads.",
        "",
        "| training step | arithmetic | rate | of bf16's | of fp32's | compositing + loss | input | peak |",
        "|---|---|---|---|---|---|---|---|",
    ]
    steps = ("step_arithmetic", "step_rate", "step_share_of_bf16", "step_share_of_fp32")
    steps += ("loss_share_of_step", "input_share_of_step", "training_peak")
    units = (" GFLOP", " GFLOP/s", " %", " %", " %", " %", " MiB")
    table = tables.benchmarks
    for encoder in table.loc[table["what"] == "training_step", "encoder"]:
        told = [number(tables.value(what, encoder)) + unit for what, unit in zip(steps, units, strict=True)]
        lines.append(f"| {encoder} | {' | '.join(told)} |")
    return "\n".join(lines)


def all_rows(tables: Tables) -> str:
    """Every row, a Markdown table for each kind of work."""
    parts = []
    for what, title in WHATS.items():
        table = tables.segment if what == "segment" else tables.benchmarks
        rows = table[table["what"] == what].drop(columns="what")
        if not len(rows):
            continue
        rows = rows.dropna(axis=1, how="all")
        rows = rows.loc[:, (rows.astype(str) != "").any()]
        lines = [f"| {' | '.join(rows.columns)} |", "|" + "---|" * len(rows.columns)]
        lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows.itertuples(index=False)]
        parts.append(f"### {title[0].upper()}{title[1:]}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def profiles(tables: Tables) -> str:
    """Where the time goes in each row that was profiled."""
    parts = []
    # the empty encoder and batch of a row that has none are a group too
    for (what, encoder, *sizes), rows in tables.profile.groupby(list(OF_ROW), sort=False, dropna=False):
        told = [what, *([] if pd.isna(encoder) else [encoder])]
        told += [
            f"{name} {_cell(size)}" for name, size in zip(OF_ROW[2:], sizes, strict=True) if pd.notna(size)
        ]
        lines = [f"| {', '.join(filter(None, told))} | share |", "|---|---|"]
        lines += [f"| `{row.operation}` | {100 * row.share:.1f} % |" for row in rows.itertuples()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def page(tables: Tables, about: str) -> str:
    """The whole page: targets, machine, all rows, profiles.

    Args:
        tables: what was measured.
        about: a paragraph: machine, data, run, versions.
    """
    return (
        "\n\n".join(
            [
                "# Speed",
                about,
                READING,
                f"## Targets\n\n{LINEAR}\n\n{target_table(tables)}",
                "## The machine, and the training step's share of it\n\n" + machine_lines(tables),
                "## All rows\n\n" + all_rows(tables),
                f"## Where the time goes\n\n{PROFILES}\n\n{profiles(tables)}",
            ]
        )
        + "\n"
    )


def read_tables(folder: str | Path) -> tuple[Tables, dict[str, Any]]:
    """The tables of a folder that ``measure_speed`` or ``publish_benchmarks`` wrote, and its about.json.

    Raises:
        InputError: one is missing or cut short.
    """
    folder = Path(folder)
    try:
        tables = Tables(*(pd.read_csv(folder / f"{name}.csv") for name in Tables._fields))
        about = read_json(folder / "about.json")
    except (OSError, ValueError) as error:
        problem = f"no benchmark can be read: {str(error).splitlines()[0]}"
        raise InputError(folder, problem, "run `snakemake benchmark`") from None
    for name in ("benchmarks", "segment"):
        if tuple(getattr(tables, name).columns) != COLUMNS:
            problem = "other columns than a benchmark's"
            raise InputError(folder / f"{name}.csv", problem, "run `snakemake benchmark`")
    return tables, about


def about_line(about: dict[str, Any]) -> str:
    """Where and from what the figures come, in a paragraph."""
    packages = about["versions"]
    return (
        f"Measured on {about['processor']}, {about['threads']} threads, without a GPU, "
        f"torch {packages.get('torch', '?')}, compositing {about['compositing']}, "
        f"commit {about['revision'] or 'unknown'}; the trained model is the run `{about['run']}` of "
        f"`{about['dataset']}`; medians of {about['repeats']}; {about['minutes']:g} minutes in all."
    )


def readme_section(tables: Tables, about: str) -> str:
    """What the README shows: the targets, how long segmenting takes, and a line on the machine."""
    return "\n\n".join([target_table(tables), *segment_table(tables), about])


def segment_table(tables: Tables) -> list[str]:
    """Segmenting an image into files, a row a size, as a Markdown table; none where it was not measured."""
    lines = [
        f"| {row.grid:.0f}×{row.grid:.0f} px | {number(row.fast_ms / 1000)} s | {number(row.fast_mib)} MiB |"
        for row in tables.segment.itertuples()
    ]
    heading = "| segmenting an image, all files written | time | memory |\n|---|---|---|\n"
    return [heading + "\n".join(lines)] if lines else []


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return number(float(value)) if isinstance(value, int | float | np.number) else str(value)
