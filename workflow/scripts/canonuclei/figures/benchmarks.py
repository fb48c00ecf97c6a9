"""The benchmark: how many times faster than the plain way, and how cost grows."""

from __future__ import annotations

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from .style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, add_note, say_empty

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)


def draw_benchmarks(table: pd.DataFrame, segment: pd.DataFrame, note: str = "") -> Figure:
    """Four panels: compositing over N and over the grid, images over their area, memory of images.

    Args:
        table: benchmarks.csv.
        segment: segment.csv.
        note: the line under the figure.
    """
    figure, grid = plt.subplots(2, 2, figsize=(8.4, 6.6), layout="constrained")
    compositing = table[table["what"].str.startswith("compositing")]
    mains = compositing.groupby("what")[["n", "grid"]].first()
    for axes, over, label in (
        (grid[0, 0], "n", "instances a tile, N"),
        (grid[0, 1], "grid", "points a side"),
    ):
        fixed = "grid" if over == "n" else "n"
        for number, (what, rows) in enumerate(compositing.groupby("what", sort=False)):
            # rows with all present repeat a size: of equal sizes the trained one comes first
            rows = rows[rows[fixed] == mains.loc[what, fixed]].drop_duplicates(over).sort_values(over)
            name = what.removeprefix("compositing_")
            _pair(axes, rows[over], rows, "ms", COLOURS[number], name, per=rows["batch"])
        axes.set(xlabel=label, ylabel="ms a tile")
        axes.set_title(f"Compositing over {label}")
    predictions = table[table["what"] == "prediction"]
    images = [rows for part in (predictions, segment) for _, rows in part.groupby("encoder", sort=False)]
    for axes, unit in ((grid[1, 0], "ms"), (grid[1, 1], "mib")):
        for number, rows in enumerate(images):
            rows, name = rows.sort_values("grid"), ", ".join(rows.iloc[0][["what", "encoder"]])
            _pair(axes, (rows["grid"] / 1000) ** 2, rows, unit, COLOURS[number], name)
        axes.set(xlabel="area of the image, megapixels")
        axes.set_ylabel("seconds" if unit == "ms" else "rise of the peak, MiB")
        axes.set_title("Whole images: " + ("time" if unit == "ms" else "memory"))
    for axes in grid.flat:
        _finish(axes)
    add_note(figure, "  ·  ".join(part for part in ("dashed: the plain way", note) if part))
    return figure


def _pair(
    axes: Axes,
    x: pd.Series,
    rows: pd.DataFrame,
    unit: str,
    colour: str,
    label: str,
    per: pd.Series | float = 1.0,
) -> None:
    divisor = 1000.0 if unit == "ms" and isinstance(per, float) else per
    if unit == "mib":
        divisor = 1.0
    for way, line, marker in (("plain", "--", "o"), ("fast", "-", "s")):
        values = pd.to_numeric(rows[f"{way}_{unit}"]) / divisor
        if values.notna().any():
            name = label if way == "fast" else None
            axes.plot(x, values, color=colour, linestyle=line, marker=marker, label=name)


def _finish(axes: Axes) -> None:
    if not axes.lines:
        say_empty(axes, "not measured")
        return
    axes.set(xscale="log", yscale="log")
    # where something was measured: the decades alone would be one or two
    measured = sorted({float(x) for line in axes.lines for x in line.get_xdata()})
    axes.set_xticks(measured, [f"{x:.3g}" for x in measured])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    # room for the legend below what is drawn
    low, high = axes.get_ylim()
    axes.set_ylim(low / (high / low) ** 0.35, high)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.legend(fontsize=7.5, loc="lower right", ncols=2)
