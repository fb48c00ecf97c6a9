"""The targets of time and memory, and what was measured beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..data.placement import place

# Tile and overlap of `prediction`, px, and how much its time may grow beyond its number of tiles
TILE, OVERLAP, SLACK = 128, 64, 1.1
# How many times the tiles of a 512×512 image a 1024×1024 one has: overlapping tiles grow faster than the area
GROWTH = (len(place(1024, TILE, OVERLAP)) / len(place(512, TILE, OVERLAP))) ** 2
GB_PER_MIB = 2**20 / 1e9

# What a row is about, and what was measured
OF_ROW = ("what", "encoder", "n", "present", "grid", "batch")
COLUMNS = (
    *OF_ROW,
    *("plain_ms", "fast_ms", "ratio", "plain_mib", "fast_mib"),
)


class Tables(NamedTuple):
    """What was measured, as ``suite.run`` gives it; ``segment`` has the columns of ``benchmarks``."""

    benchmarks: pd.DataFrame
    segment: pd.DataFrame
    machine: pd.DataFrame
    profile: pd.DataFrame

    def row(self, what: str, worst: bool = False, **wanted: object) -> pd.Series | None:
        """The first row of a kind; of compositing the one with most present where ``worst``."""
        rows = self.benchmarks[self.benchmarks["what"] == what]
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        if worst and what.startswith("compositing"):
            rows = rows[rows["present"] == rows["n"]]
        return rows.iloc[0] if len(rows) else None

    def value(self, what: str, encoder: str = "") -> float:
        """A figure of the machine's table; NaN where it was not measured."""
        rows = self.machine[(self.machine["what"] == what) & (self.machine["encoder"].fillna("") == encoder)]
        return float(rows["value"].iloc[0]) if len(rows) else np.nan


class Target(NamedTuple):
    """A line of the issue's table.

    Attributes:
        name: what it is about.
        least, aim: what is wanted.
        measure: gives the figure of ``Tables``; NaN where it was not measured.
        unit: behind the figures.
        more: whether more is better.
    """

    name: str
    least: float
    aim: float
    measure: Callable[[Tables], float]
    unit: str = "×"
    more: bool = True

    def met(self, figure: float, wanted: float) -> bool:
        """Whether ``figure`` reaches ``wanted``."""
        return figure >= wanted if self.more else figure < wanted


def _of(what: str, column: str = "ratio", factor: float = 1.0, **wanted: object) -> Callable[[Tables], float]:
    def measure(tables: Tables) -> float:
        row = tables.row(what, **wanted)
        return np.nan if row is None or pd.isna(row[column]) else factor * float(row[column])

    return measure


def _memory(what: str) -> Callable[[Tables], float]:
    def measure(tables: Tables) -> float:
        row = tables.row(what)
        # what is below a page or two cannot be told from nothing
        return np.nan if row is None else float(row["plain_mib"]) / max(float(row["fast_mib"]), 0.1)

    return measure


def _peak(tables: Tables) -> float:
    peaks = tables.machine[tables.machine["what"] == "training_peak"]["value"]
    return float(peaks.max()) * GB_PER_MIB if len(peaks) else np.nan


def _growth(tables: Tables) -> float:
    """Time of predicting 1024×1024 by that of 512×512, fast, ResNet-50."""
    small, large = (tables.row("prediction", encoder="resnet50", grid=side) for side in (512, 1024))
    return np.nan if small is None or large is None else float(large["fast_ms"]) / float(small["fast_ms"])


TARGETS = (
    Target("compositing, forward + backward, time", 20, 40, _of("compositing_train")),
    Target("the same, memory", 20, 20, _memory("compositing_train")),
    Target("compositing, inference 128×128, trained model's outputs", 100, 300, _of("compositing_inference")),
    Target("the same, 128 present", 4, 10, _of("compositing_inference", worst=True)),
    Target("training step, ResNet-50, all included", 3, 4.5, _of("training_step", encoder="resnet50")),
    Target(
        *("compositing + loss, share of that step", 10, 5),
        *(lambda tables: tables.value("loss_share_of_step", "resnet50"), " %", False),
    ),
    Target(
        *("reading and augmentation, share of that step", 5, 5),
        *(lambda tables: tables.value("input_share_of_step", "resnet50"), " %", False),
    ),
    Target("training step, EfficientNet-Lite0, against ResNet-50's", 2, 4, _of("lite0_vs_resnet50")),
    Target(
        *("prediction of 1024×1024, ResNet-50", 3, 1.5),
        *(_of("prediction", "fast_ms", 0.001, encoder="resnet50", grid=1024), " s", False),
    ),
    Target(
        f"prediction linear in area: time by that of 512×512, with {GROWTH:.3g} × the tiles",
        *(SLACK * GROWTH, GROWTH, _growth, " ×", False),
    ),
    Target(
        *("evaluation of 812 tiles, one approach, ten thresholds", 10, 3),
        *(_of("evaluation", "fast_ms", 0.001, batch=812), " s", False),
    ),
    Target("peak memory of training, batch 16", 4, 2, _peak, " GB", False),
)


def target_table(tables: Tables) -> str:
    """The targets as a Markdown table, each with what was measured, and whether it was reached."""
    lines = ["| what | at least | aim | measured | |", "|---|---|---|---|---|"]
    for target in TARGETS:
        figure = target.measure(tables)
        if np.isnan(figure):
            told, verdict = "-", "not measured"
        else:
            told, verdict = f"{number(figure)}{target.unit}", "**missed**"
            if target.met(figure, target.least):
                verdict = "aim reached" if target.met(figure, target.aim) else "reached"
        sign = "" if target.more else "under "
        wanted = [f"{sign}{number(value)}{target.unit}" for value in (target.least, target.aim)]
        lines.append(f"| {target.name} | {wanted[0]} | {wanted[1]} | {told} | {verdict} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """A figure as a table shows it: three digits, no digits behind the point from 100 on; "-" for none."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
