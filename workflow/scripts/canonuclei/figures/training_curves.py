"""Training curves: loss terms and validation scores per epoch, of every run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import zip_longest

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..words import many
from .lines import legend_order, line_looks
from .style import (
    BLACK,
    BLUE,
    COUNT_LOSS,
    GREEN,
    PURPLE,
    VERMILION,
    add_note,
    data_note,
    math_label,
    say_empty,
)

COLUMNS = (4, 3)  # of panels: whichever leaves the fewest places empty, the first of equal ones
MOST_IN_A_GAP = 13  # runs in a legend that is as high as a panel
TITLES = {
    "train_total": "Training loss",
    "train_bce": "BCE",
    "train_dice": "Dice loss",
    "train_count": f"Count loss {COUNT_LOSS}, before α",
    "rcnn": "Mask R-CNN's terms",
    "val_iou": "Validation IoU",
    "short": "Validation IoU, shorter runs",
    "val_dice": "Validation Dice",
    "val_count_mae": "Validation count error",
    "lr": "Learning rate",
}
# Mask R-CNN's terms share a panel, told apart by colour
RCNN = {
    "train_loss_classifier": ("class", BLACK),
    "train_loss_box_reg": ("box", BLUE),
    "train_loss_mask": ("mask", VERMILION),
    "train_loss_objectness": ("objectness", GREEN),
    "train_loss_rpn_box_reg": ("proposal box", PURPLE),
}
LAST = ("val_iou", "short", "val_dice", "val_count_mae", "lr")
LOGARITHMIC = ("train_total", "train_count", "val_count_mae")
NOT_DRAWN = ("epoch", "step", "seconds", "tiles_per_second")


def draw_training_curves(
    logs: Mapping[str, pd.DataFrame], labels: Mapping[str, str], simulated: bool
) -> Figure:
    """One panel a loss term, then validation scores and the learning rate; one line a run.

    Mask R-CNN's five terms, which no other run has, are lines of one panel. Runs of fewer epochs than others
    have a panel of their own as well, where one can see whether they have levelled off.

    Args:
        logs: log.csv of each run, by its name ``<variant>_<encoder>_s<seed>``.
        labels: variant → its name in the tables.
        simulated: whether the images are.
    """
    short = shorter_runs(logs)
    logged = {name for log in logs.values() for name in log} | ({"short"} if short else set())
    known = [name for name in TITLES if name in logged or (name == "rcnn" and logged & set(RCNN))]
    others = sorted(logged - set(TITLES) - set(RCNN) - set(NOT_DRAWN))
    names = [name for name in known if name not in LAST] + others + [name for name in known if name in LAST]
    columns = min(COLUMNS, key=lambda columns: -len(names) % columns)
    rows = max(1, math.ceil(len(names) / columns))
    size = (2.9 * columns, 2.3 * rows + 0.7)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    told = [_told(run, labels) for run in logs]
    looks = dict(zip(logs, line_looks(told), strict=True))
    for axes, name in zip_longest(grid.flat, names, fillvalue=""):
        if name == "rcnn":
            _draw_rcnn(axes, logs, looks)
        elif name == "short":
            _draw_short(axes, short, looks)
        elif name:
            _draw_term(axes, name, logs, looks)
        else:
            axes.axis("off")
    lines = [
        plt.Line2D([], [], label=f"{math_label(approach)}, {encoder}, {seed}", **look)
        for (approach, encoder, seed), look in zip(told, looks.values(), strict=True)
    ]
    handles = [lines[i] for i in legend_order(told)]
    spare = grid.flat[len(names) :]
    if len(spare) > 1 and len(handles) <= MOST_IN_A_GAP:
        # the places without a panel hold it; a legend is no part of what the panels' sizes go by
        spare[0].legend(handles=handles, loc="upper left", borderaxespad=0).set_in_layout(False)
    else:
        figure.legend(handles=handles, loc="outside upper left", ncols=min(columns, max(1, len(handles))))
    most = max((len(log) for log in logs.values()), default=0)
    add_note(figure, data_note(simulated, f"up to {many(most, 'epoch')}, one line a run"))
    return figure


def shorter_runs(logs: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The logs with validation scores of runs that have fewer than half of the epochs of the longest."""
    most = max((len(log) for log in logs.values()), default=0)
    return {run: log for run, log in logs.items() if 2 * len(log) < most and "val_iou" in log}


def _told(run: str, labels: Mapping[str, str]) -> tuple[str, str, str]:
    """Approach, encoder and seed of a run."""
    variant, encoder, seed = run.rsplit("_", 2)
    return labels.get(variant, variant), encoder, seed


def _draw_term(axes: Axes, name: str, logs: Mapping[str, pd.DataFrame], looks: dict[str, dict]) -> None:
    drawn = []
    for run, log in logs.items():
        if name not in log:
            continue
        values = pd.to_numeric(log[name], errors="coerce")
        if values.notna().any():
            axes.plot(log["epoch"], values, marker=_marker(values), **looks[run])
            drawn.append(values)
    _finish(axes, TITLES.get(name, name.removeprefix("train_").replace("_", " ")))
    if not drawn:
        say_empty(axes, "not logged")
        return
    if name in ("val_iou", "val_dice"):
        axes.set_ylim(0, 1)
    elif name in LOGARITHMIC and min(values.min() for values in drawn) > 0:
        _logarithmic(axes)


def _draw_short(axes: Axes, logs: Mapping[str, pd.DataFrame], looks: dict[str, dict]) -> None:
    """Validation IoU on a scale of its own, for it is of few epochs."""
    _draw_term(axes, "val_iou", logs, looks)
    axes.set_title(TITLES["short"])
    values = pd.concat([pd.to_numeric(log["val_iou"], errors="coerce") for log in logs.values()]).dropna()
    if len(values):
        axes.set_ylim(max(0, values.min() - 0.05), min(1, values.max() + 0.05))


def _draw_rcnn(axes: Axes, logs: Mapping[str, pd.DataFrame], looks: dict[str, dict]) -> None:
    """Mask R-CNN's terms: a colour a term, and the line of their run."""
    lowest, handles = [], {}
    for run, log in logs.items():
        for term, (said, colour) in RCNN.items():
            values = pd.to_numeric(log[term], errors="coerce") if term in log else pd.Series(dtype=float)
            if values.notna().any():
                look = looks[run] | {"color": colour}
                (line,) = axes.plot(log["epoch"], values, marker=_marker(values), **look)
                handles.setdefault(said, line)
                lowest.append(values.min())
    _finish(axes, TITLES["rcnn"])
    if lowest and min(lowest) > 0:
        _logarithmic(axes)
    axes.legend(handles.values(), handles.keys(), fontsize=6.5, ncols=2, loc="best")


def _marker(values: pd.Series) -> str | None:
    """A single epoch is no line."""
    return "o" if values.notna().sum() == 1 else None


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
