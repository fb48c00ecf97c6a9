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

from .style import BLACK, BLUE, COUNT_LOSS, GREEN, PURPLE, SKY, VERMILION, add_note, data_note, say_empty

COLUMNS = 4
COLOURS = {"ours": BLUE, "ours-cnt": VERMILION, "deeplabv3": GREEN, "semantic": PURPLE, "mask-rcnn": BLACK}
SPARE = (SKY, "#E69F00", "#F0E442", "#777777")
LINES = ("-", "--", ":", "-.")
TITLES = {
    "train_total": "Training loss",
    "train_bce": "BCE",
    "train_dice": "Dice loss",
    "train_count": f"Count loss {COUNT_LOSS}, before α",
    "train_loss_classifier": "Mask R-CNN: class",
    "train_loss_box_reg": "Mask R-CNN: box",
    "train_loss_mask": "Mask R-CNN: mask",
    "train_loss_objectness": "Mask R-CNN: objectness",
    "train_loss_rpn_box_reg": "Mask R-CNN: proposal box",
    "val_iou": "Validation IoU",
    "val_dice": "Validation Dice",
    "val_count_mae": "Validation count error",
    "lr": "Learning rate",
}
LAST = ("val_iou", "val_dice", "val_count_mae", "lr")
LOGARITHMIC = ("train_total", "train_count", "val_count_mae")
NOT_DRAWN = ("epoch", "step", "seconds", "tiles_per_second")


def draw_training_curves(logs: Mapping[str, pd.DataFrame], simulated: bool) -> Figure:
    """One panel a loss term, then validation scores and the learning rate; one line a run.

    Args:
        logs: log.csv of each run, by its name ``<variant>_<encoder>_s<seed>``.
        simulated: whether the images are.
    """
    known = [name for name in TITLES if any(name in log for log in logs.values())]
    others = sorted({name for log in logs.values() for name in log} - set(TITLES) - set(NOT_DRAWN))
    terms = [name for name in known if name not in LAST] + others
    # validation begins a row of its own
    terms += [""] * (-len(terms) % COLUMNS)
    names = terms + [name for name in known if name in LAST]
    rows = max(1, math.ceil(len(names) / COLUMNS))
    size = (2.9 * COLUMNS, 2.3 * rows + 0.7)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=size, squeeze=False, layout="constrained")
    looks = _line_looks(list(logs))
    for axes, name in zip_longest(grid.flat, names, fillvalue=""):
        if name:
            _draw_term(axes, name, logs, looks)
        else:
            axes.axis("off")
    handles = [plt.Line2D([], [], label=run.replace("_", ", "), **look) for run, look in looks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(COLUMNS, max(1, len(handles))))
    short = max((len(log) for log in logs.values()), default=0)
    add_note(figure, data_note(simulated, f"up to {short} epoch{'s' * (short != 1)}, one line a run"))
    return figure


def _line_looks(runs: list[str]) -> dict[str, dict]:
    """Colour by variant, line by encoder, marker by seed, for each run."""
    split = [run.rsplit("_", 2) for run in runs]
    variants, encoders, seeds = (list(dict.fromkeys(parts[i] for parts in split)) for i in range(3))
    unknown = [variant for variant in variants if variant not in COLOURS]
    colours = COLOURS | {variant: SPARE[i % len(SPARE)] for i, variant in enumerate(unknown)}
    return {
        run: {
            "color": colours[variant],
            "linestyle": LINES[encoders.index(encoder) % len(LINES)],
            "alpha": 1.0 if seeds.index(seed) == 0 else 0.5,
        }
        for run, (variant, encoder, seed) in zip(runs, split, strict=True)
    }


def _draw_term(axes: Axes, name: str, logs: Mapping[str, pd.DataFrame], looks: dict[str, dict]) -> None:
    drawn = []
    for run, log in logs.items():
        if name not in log:
            continue
        values = pd.to_numeric(log[name], errors="coerce")
        if values.notna().any():
            # a single epoch is no line
            marker = "o" if values.notna().sum() == 1 else None
            axes.plot(log["epoch"], values, marker=marker, **looks[run])
            drawn.append(values)
    axes.set_title(TITLES.get(name, name.removeprefix("train_").replace("_", " ")))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if not drawn:
        say_empty(axes, "not logged")
        return
    if name in ("val_iou", "val_dice"):
        axes.set_ylim(0, 1)
    elif name in LOGARITHMIC and min(values.min() for values in drawn) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
