"""F1 over the IoU threshold, one curve an approach."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation.grids import finest
from ..evaluation.lengths import with_lengths
from .style import (
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    add_note,
    data_note,
    math_label,
    say_empty,
)

BEST = "Ours+L_cnt+P"
# colour, line, marker: each alone tells the curves of a panel apart
LOOK = {
    "Ours": (SKY, ":", "o"),
    "Ours+P": (BLUE, "-", "o"),
    "Ours+L_cnt": (ORANGE, ":", "s"),
    BEST: (VERMILION, "-", "s"),
    "Fine+L_cnt": (BROWN, ":", "P"),
    "Fine+L_cnt+P": (BROWN, "-", "P"),
    "Mask R-CNN": (BLACK, "-", "D"),
    "DeepLabV3+CC": (GREEN, ":", "^"),
    "DeepLabV3+WS": (GREEN, "-", "^"),
    "Semantic+CC": (PURPLE, ":", "v"),
    "Semantic+WS": (PURPLE, "-", "v"),
    "Otsu+WS": ("#777777", "--", "x"),
    "Oracle ellipse": (BLACK, "-", "D"),
    "Oracle mask+K": (BLUE, "-", "o"),
    "Oracle mask+WS": (GREEN, "-", "^"),
    "Oracle mask+CC": (GREEN, ":", "^"),
}
NO_CURVE = """No F1 over IoU: the test images have binary masks and no instance labels,
so no predicted nucleus can be matched with a true one.
What could be scored without them is in table1.md."""
SPARE = [(PURPLE, "-.", "P"), (BLUE, "--", "X"), (GREEN, "-.", "*"), (ORANGE, "--", "<"), (SKY, "-.", ">")]


def split_panels(curves: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Curves by panel: each encoder's own models, each encoder's rivals, then the oracles.

    Of the canonical models the finest grid is drawn. The paper's best stands in the other panels as the
    measure: that of the panel's own encoder, where there is one; else the first. Not beside runs of ours of
    another length, where it would pass for one of them. Beside rivals of its encoder stands any other variant
    with the count loss, after +P.
    """
    plain = curves["encoder"].fillna("")
    curves = with_lengths(curves)
    curves = curves.assign(
        grid=pd.to_numeric(curves["grid"], errors="coerce"), encoder=curves["encoder"].fillna(""), plain=plain
    )
    curves = finest(curves)
    canonical, oracle = curves["grid"].notna(), curves["approach"].str.startswith("Oracle")
    rival = curves[~canonical & ~oracle]
    ours = dict(list(curves[canonical].groupby("encoder", sort=False)))
    best = dict(list(curves[curves["approach"] == BEST].groupby("plain", sort=False)))
    measure = next(iter(best.values()), curves.iloc[:0])
    beyond = curves[canonical & curves["approach"].str.endswith("+L_cnt+P") & (curves["approach"] != BEST)]
    panels = []
    for encoder, part in ours.items():
        beside = [] if part["plain"].iloc[0] in best else [measure]
        panels.append((f"Ours, {encoder}", pd.concat([part, *beside])))
    trained, untrained = rival[rival["encoder"] != ""], rival[rival["encoder"] == ""]
    encoders = dict.fromkeys([*ours, *trained["encoder"]])
    several = len(encoders) > 1
    for encoder in encoders:
        part = trained[trained["encoder"] == encoder]
        if part.empty:
            continue
        title, plain = f"Rivals, {encoder}" if several else "Rivals", part["plain"].iloc[0]
        own = [best.get(plain, measure), beyond[beyond["plain"] == plain]]
        panels.append((title, pd.concat([part, untrained, *own])))
    if trained.empty and len(untrained):
        panels.append(("Rivals", pd.concat([untrained, measure])))
    if oracle.any():
        panels.append(("Oracles: limits of a method", pd.concat([curves[oracle], measure])))
    return panels


def draw_f1_over_iou(curves: pd.DataFrame, simulated: bool) -> Figure:
    """A panel for our models on each encoder, one for its rivals, and one for the oracles.

    Without a curve, only the words that tell why.

    Args:
        curves: f1_curves.csv: approach, encoder, grid, seed, iou_threshold, f1, epochs.
        simulated: whether the images are.
    """
    panels = split_panels(curves)
    if not panels:
        return _without_curves(simulated)
    columns = len(panels) if len(panels) < 4 else math.ceil(len(panels) / 2)
    rows = math.ceil(len(panels) / columns)
    size = (4.1 * columns, 4.3 * rows + 0.3)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=True, layout="constrained")
    for axes, (title, part) in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, title, part)
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    for row in grid:
        row[0].set_ylabel("F1")
    several = curves.groupby(["approach", "encoder"], dropna=False)["seed"].nunique().max() > 1
    band = "lines: median of the seeds; bands: from the lowest to the highest" if several else ""
    pooled = "pooled over the test tiles; in brackets, F1 at IoU 0.5"
    add_note(figure, data_note(simulated, pooled, band))
    return figure


def _without_curves(simulated: bool) -> Figure:
    figure = plt.figure(figsize=(6.4, 1.3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.text(0.5, 0.5, NO_CURVE, ha="center", va="center", fontsize=10, linespacing=1.5)
    add_note(figure, data_note(simulated))
    return figure


def _draw_panel(axes: Axes, title: str, part: pd.DataFrame) -> None:
    spare, lines = 0, []
    seen: set[str] = set()
    several = part["encoder"].replace("", None).nunique() > 1
    for (approach, encoder), own in part.groupby(["approach", "encoder"], sort=False):
        of_seeds = own.groupby("iou_threshold")["f1"]
        median, low, high = of_seeds.median(), of_seeds.min(), of_seeds.max()
        known = approach in LOOK and approach not in seen
        colour, line, marker = LOOK[approach] if known else SPARE[spare % len(SPARE)]
        spare += not known
        seen.add(approach)
        name = math_label(approach) + (f", {encoder}" if several and encoder else "")
        at_half = float(median.iloc[(median.index.to_series() - 0.5).abs().argmin()])
        label = f"{name} ({at_half:.2f})"
        (drawn,) = axes.plot(median.index, median, color=colour, linestyle=line, marker=marker, label=label)
        if (high > low).any():
            axes.fill_between(median.index, low, high, color=colour, alpha=0.15, linewidth=0)
        lines.append((at_half, drawn))
    axes.axvline(0.5, color="#BBBBBB", linewidth=0.8, zorder=0)
    axes.set(xlim=(0.07, 1.03), ylim=(0, 1.02), xticks=[k / 10 for k in range(1, 11)], xlabel="IoU threshold")
    axes.set_title(title)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    handles = [line for _, line in sorted(lines, key=lambda pair: -pair[0])]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=1 if several else 2,
        handlelength=2.6,
        columnspacing=1,
        fontsize=7.5,
    )
    if part["f1"].max() == 0:
        say_empty(axes, "no match at any threshold")
