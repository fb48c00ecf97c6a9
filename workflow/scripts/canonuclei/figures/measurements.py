"""How good the parameters are as measurements: predicted over true, of the nuclei that were found."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, NullFormatter

from ..analysis.measurements import ELONGATED
from .style import BLACK, BLUE, VERMILION, add_note, data_note, math_label, say_empty

FARTHEST = 10  # px, of the histogram of centres
SCATTERED = {
    "area": "Area, px²",
    "axis_major_length": "Major axis, px",
    "axis_minor_length": "Minor axis, px",
}


def draw_measurements(pairs: pd.DataFrame, errors: pd.DataFrame, whose: str, simulated: bool) -> Figure:
    """Area and axes as scatter plots, errors of orientation and centre as histograms.

    Args:
        pairs: fates of the nuclei that one approach found (``analysis.study.FATES``).
        errors: its rows of ``analysis.study.measurement_table``.
        whose: the approach, and of which run.
        simulated: whether the images are.
    """
    figure, panels = plt.subplots(1, 5, figsize=(11.5, 2.7), layout="constrained")
    told = errors.set_index("measure")
    for axes, (name, title) in zip(panels, SCATTERED.items(), strict=False):
        axes.set_title(title)
        _scatter(axes, pairs[f"true_{name}"], pairs[f"predicted_{name}"])
        if len(pairs):
            row = told.loc[name]
            bias = Formatter.fix_minus(f"bias {row['bias']:+.1f} %")
            _tell(axes, f"{bias}\nspread ±{row['spread']:.1f} %\nr = {row['correlation']:.2f}")
    long = pairs[pairs["true_eccentricity"] >= ELONGATED]
    turn = np.degrees((long["predicted_orientation"] - long["true_orientation"]).to_numpy(float))
    panels[3].set_title("Orientation")
    _histogram(panels[3], (turn + 90) % 180 - 90, np.linspace(-90, 90, 37), "error, degrees")
    panels[3].set_xticks([-90, -45, 0, 45, 90])
    away = [(pairs[f"predicted_centroid-{i}"] - pairs[f"true_centroid-{i}"]).to_numpy(float) for i in (0, 1)]
    panels[4].set_title("Centre")
    _histogram(panels[4], np.hypot(*away), np.linspace(0, FARTHEST, 41), "distance, px")
    if len(pairs):
        turned, off = (told.loc[name, "median_error"] for name in ("orientation", "centroid"))
        _tell(panels[3], f"{len(long):,} long\nones, median\n|error| {turned:.1f}°")
        _tell(panels[4], f"median {off:.1f} px", right=True)
    of_whom = f"{len(pairs):,} nuclei of whole images that {math_label(whose)}, found (IoU ≥ ½)"
    note = "bias: median of predicted / true − 1; spread: half of what holds 68 %"
    axes_note = f"axes of the first three are logarithmic; the last bar of all: {FARTHEST} px and more"
    add_note(figure, data_note(simulated, of_whom, note) + "\n" + axes_note)
    return figure


def _scatter(axes: Axes, true: pd.Series, predicted: pd.Series) -> None:
    axes.set(xlabel="true", ylabel="predicted")
    known = (true > 0) & (predicted > 0)
    if not known.any():
        say_empty(axes, "none found")
        return
    true, predicted = true[known], predicted[known]
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    axes.plot([low, high], [low, high], color=BLACK, linewidth=0.8)
    axes.plot(true, predicted, ".", color=BLUE, markersize=2, alpha=0.35, rasterized=True)
    axes.set(xscale="log", yscale="log", aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        steps = (1, 2, 5) if high / low < 30 else (1, 3) if high / low < 100 else (1,)
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _histogram(axes: Axes, values: np.ndarray, edges: np.ndarray, label: str) -> None:
    axes.set(xlabel=label, ylabel="nuclei")
    if len(values) == 0:
        say_empty(axes, "none found")
        return
    axes.hist(np.clip(values, edges[0], edges[-1]), bins=edges, color=BLUE)
    axes.axvline(np.median(values), color=VERMILION, linewidth=1)


def _tell(axes: Axes, text: str, right: bool = False) -> None:
    x, side = (0.96, "right") if right else (0.04, "left")
    axes.text(x, 0.96, text, transform=axes.transAxes, ha=side, va="top", fontsize=7)
