"""Figure 2: instances side by side, as the paper's Figure 2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from ..data.tiles import Tiles
from .material import Nuclei, masks_of_tile, shown_tile, tell_runs
from .outlines import draw_instances, outline, split_labels
from .style import SKY, add_note, data_note, fitted_name, math_label, say_empty, show_image

PANEL = 2.0  # inches a side


def draw_figure2(
    tiles: Tiles, chosen: Sequence[int], ours: Nuclei, counted: Nuclei, simulated: bool
) -> Figure:
    """Rows are tiles; columns are the image, the ground truth, Ours, +L_cnt and +L_cnt+P.

    Args:
        tiles: the test tiles.
        chosen: which of them, one a row.
        ours: predictions of the model without the count loss.
        counted: predictions of the model with it.
        simulated: whether the images are.
    """
    titles = ("Image", "Ground truth", ours.label, counted.label, f"{counted.label}+P")
    figure, grid = plt.subplots(
        len(chosen),
        len(titles),
        figsize=(PANEL * len(titles), PANEL * len(chosen) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(math_label(title))
    for row, index in zip(grid, chosen, strict=True):
        tile = tiles.table.iloc[index]
        image = shown_tile(tiles, index)
        show_image(row[0], image)
        name = fitted_name(tile["image_id"], PANEL)
        row[0].set_ylabel(f"{tile['look']}\n{name}", fontsize=8, parse_math=False)
        if tile["truth"] == "instances":
            _show_instances(row[1], image, split_labels(np.asarray(tiles.instances[index])))
        else:
            _show_mask(row[1], image, np.asarray(tiles.masks[index]))
        columns = [
            masks_of_tile(ours, tile, merged=False),
            masks_of_tile(counted, tile, merged=False),
            masks_of_tile(counted, tile, merged=True),
        ]
        for axes, masks in zip(row[2:], columns, strict=True):
            _show_instances(axes, image, masks)
    number = "number under a panel: instances drawn"
    unlabelled = (tiles.table["truth"].iloc[list(chosen)] != "instances").any()
    no_truth = "no instance labels: the true mask's outline" if unlabelled else ""
    add_note(figure, data_note(simulated, tell_runs([ours, counted]), number, no_truth))
    return figure


def _show_mask(axes: Axes, image: np.ndarray, mask: np.ndarray) -> None:
    """The outline of a mask whose nuclei nobody told apart: one colour, and no number of instances."""
    show_image(axes, image.mean(axis=-1) * 0.85, cmap="gray", vmin=0, vmax=1)
    if (path := outline(mask)) is not None:
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=SKY, linewidth=1.3))
    axes.set_xlabel("mask only", fontsize=8, labelpad=2)


def _show_instances(axes: Axes, image: np.ndarray, masks: list[np.ndarray]) -> None:
    show_image(axes, image.mean(axis=-1) * 0.85, cmap="gray", vmin=0, vmax=1)
    draw_instances(axes, masks)
    axes.set_xlabel(str(len(masks)), fontsize=8, labelpad=2)
    if not masks:
        say_empty(axes, "no instance")
