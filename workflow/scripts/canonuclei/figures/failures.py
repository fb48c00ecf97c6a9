"""What becomes of nuclei: bars of their fates, approach by approach, and a picture of each failure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from ..analysis.examples import Example
from ..analysis.failures import TRUE_KINDS
from ..analysis.study import UNMATCHED
from ..evaluation.aggregate import in_order
from .outlines import outline
from .style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    add_note,
    data_note,
    fitted_name,
    math_label,
    show_image,
)

COLOURS = dict(zip(TRUE_KINDS, (GREEN, VERMILION, PURPLE, SKY, GREY), strict=True))
MEANING = {
    "missed": "missed (IoU < 0.1)",
    "split": "split into several",
    "merged": "merged with another",
    "outline": "outline off (IoU < ½)",
    "false": "false: no nucleus there",
}


def draw_failures(table: pd.DataFrame, found: Sequence[Example], whose: str, simulated: bool) -> Figure:
    """Bars above, pictures below.

    Args:
        table: of ``analysis.study.failure_table``.
        found: of ``analysis.examples.examples``.
        whose: examples they are: an approach, and of which run.
        simulated: whether the images are.
    """
    rows = in_order(table[table["by"] == "all"])
    height = 0.5 + 0.24 * len(rows)
    figure = plt.figure(figsize=(8.4, height + 2.3), layout="constrained")
    # room for names that the layout takes for narrower than they are drawn
    figure.get_layout_engine().set(rect=(0.02, 0, 0.98, 1))
    grid = figure.add_gridspec(2, 1, height_ratios=(height, 2.1))
    bars = grid[0].subgridspec(1, 2, width_ratios=(9, 2))
    _bars(figure.add_subplot(bars[0]), figure.add_subplot(bars[1]), rows)
    pictures = grid[1].subgridspec(1, 5)
    for number, kind in enumerate(MEANING):
        axes = figure.add_subplot(pictures[number])
        example = next((each for each in found if each.kind == kind), None)
        axes.set_title(MEANING[kind], fontsize=8)
        if example is None:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes, color=GREY)
            continue
        _picture(axes, example)
    note = f"pictures: {math_label(whose)}; blue true, orange dashed predicted, thick the one it is about"
    add_note(figure, data_note(simulated, note))
    return figure


def draw_failures_of_each(found: Sequence[tuple[str, str, float, Example]], simulated: bool) -> Figure:
    """Every approach at the failure that most of its nuclei have.

    Args:
        found: name of the approach; its encoder and whatever else tells its run; the share of the nuclei in
            0…1; an example.
        simulated: whether the images are.
    """
    columns = min(4, max(1, len(found)))
    rows = max(1, math.ceil(len(found) / columns))
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.1 * columns, 2.7 * rows + 0.4), squeeze=False, layout="constrained"
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (approach, run, share, example) in zip(grid.flat, found, strict=False):
        axes.set_axis_on()
        _picture(axes, example)
        told = [math_label(approach), *([run] if run else []), f"{example.kind}: {100 * share:.1f} %"]
        axes.set_title("\n".join(told), fontsize=7.5)
    note = "shares of all true nuclei; blue true, orange dashed predicted, thick the one it is about"
    add_note(figure, data_note(simulated, note))
    return figure


def _bars(axes: Axes, right: Axes, rows: pd.DataFrame) -> None:
    # of encoder and seed, what tells rows apart
    several = [name for name in ("encoder", "seed") if rows[name].dropna().nunique() > 1]
    names = [_name(row, several) for row in rows.to_dict("records")]
    places, left = np.arange(len(rows))[::-1], np.zeros(len(rows))
    for kind in TRUE_KINDS:
        shares = 100 * rows[kind].to_numpy(float)
        axes.barh(places, shares, left=left, color=COLOURS[kind], label=kind, height=0.72)
        left += shares
    axes.set_yticks(places, names, fontsize=7.5)
    axes.set(xlim=(0, 100), xlabel="of the true nuclei, %")
    axes.legend(ncols=5, fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    false, unmatched = (100 * rows[kind].to_numpy(float) for kind in ("false", UNMATCHED))
    right.barh(places, false, color=ORANGE, label="false", height=0.72)
    right.barh(places, unmatched, left=false, color=ORANGE, alpha=0.4, label=UNMATCHED, height=0.72)
    right.set_yticks([])
    right.set(xlim=(0, 100), xlabel="of the predicted, %")
    right.legend(ncols=2, fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def _name(row: Mapping[str, Any], several: Sequence[str]) -> str:
    told = {name: row[name] for name in several if not pd.isna(row[name])}
    if "seed" in told:
        told["seed"] = f"s{told['seed']:.0f}"
    return ", ".join([math_label(row["approach"]), *told.values()])


def _picture(axes: Axes, example: Example) -> None:
    grey = example.rgb.mean(axis=-1)
    low, high = np.percentile(grey, [0.5, 99.5])
    show_image(axes, grey, cmap="gray", vmin=low, vmax=max(high, low + 1))
    for masks, colour, line in ((example.true, BLUE, "-"), (example.predicted, ORANGE, "--")):
        for mask in masks:
            wide = 2.2 if np.array_equal(mask, example.marked) else 0.9
            if (path := outline(mask)) is not None:
                patch = PathPatch(path, facecolor="none", edgecolor=colour, linewidth=wide, linestyle=line)
                axes.add_patch(patch)
    axes.set_xlabel(fitted_name(example.image, 1.5, 7), fontsize=7, parse_math=False)
