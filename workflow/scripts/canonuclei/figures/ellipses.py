"""Instances as ellipses with their axes on the image: what the numbers of the table of nuclei say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from ..data.tiles import Tiles
from ..nuclei.stitch import stitch
from ..words import many
from .material import Nuclei, whole_image
from .style import BLUE, ORANGE, SKY, add_note, data_note, fitted_name, say_empty, show_image

PANEL = 4.2  # inches a side
NUMBERED = 25  # up to so many nuclei in a close-up carry their ids


def own_nuclei(nuclei: Nuclei, whole: pd.DataFrame, image: str) -> pd.DataFrame:
    """Rows of a whole image's nuclei after +P, each nucleus once, as the stitching keeps them.

    Args:
        nuclei: a run's predictions of the set ``whole``.
        whole: that set's tiles.csv.
        image: the image's id.
    """
    rows = nuclei.table[nuclei.table["image"] == image]
    tiles = whole[whole["image_id"] == image]
    kept = stitch(rows, tiles, nuclei.shape, nuclei.threshold, merged=True, overlap=nuclei.overlap)
    return rows[rows["id"].isin(kept.ids)]


def draw_ellipses(
    tiles: Tiles, chosen: Sequence[int], whole: pd.DataFrame, nuclei: Nuclei, simulated: bool
) -> Figure:
    """Whole images with their nuclei as ellipses, and beside each a close-up with axes and ids.

    Args:
        tiles: the test tiles, whose images are shown.
        chosen: tiles of the close-ups, one a row.
        whole: tiles.csv of the set ``whole``.
        nuclei: a run's predictions of the set ``whole``.
        simulated: whether the images are.
    """
    size = (2 * PANEL, PANEL * len(chosen) + 0.5)
    figure, grid = plt.subplots(len(chosen), 2, figsize=size, squeeze=False, layout="constrained")
    for (left, right), index in zip(grid, chosen, strict=True):
        tile = tiles.table.iloc[index]
        image = whole_image(tiles, tile["image_id"])
        found = own_nuclei(nuclei, whole, tile["image_id"])
        for axes in (left, right):
            show_image(axes, image)
        _draw(left, found, axes_lines=False)
        y, x = tile["tile_y"], tile["tile_x"]
        # a tile may reach beyond its image: there is nothing to show there
        end_y, end_x = (min(start + tiles.size, end) for start, end in zip((y, x), image.shape, strict=False))
        corner, size = (x - 0.5, y - 0.5), (end_x - x, end_y - y)
        left.add_patch(Rectangle(corner, *size, fill=False, edgecolor=SKY, linewidth=1.4))
        name = fitted_name(tile["image_id"], PANEL)
        left.set_ylabel(f"{tile['look']}\n{name}", fontsize=8, parse_math=False)
        left.set_xlabel(f"{many(len(found), 'nucleus', 'nuclei')} in the image", fontsize=8)
        right.set(xlim=(x - 0.5, end_x - 0.5), ylim=(end_y - 0.5, y - 0.5))
        inside = found[found["centroid-0"].between(y, end_y) & found["centroid-1"].between(x, end_x)]
        _draw(right, found, axes_lines=True, numbered=inside if len(inside) <= NUMBERED else None)
        centred = f"{many(len(inside), 'nucleus', 'nuclei')} centred in it"
        right.set_xlabel(f"the framed tile: {centred}", fontsize=8)
    grid[0][0].set_title("Whole image")
    grid[0][1].set_title(f"Close-up: centroid, major and minor axis\n(and id, of up to {NUMBERED} nuclei)")
    run = f"{nuclei.label}+P, encoder {nuclei.encoder}, seed {nuclei.seed}"
    add_note(figure, data_note(simulated, run, "ellipses of the same second moments as the nuclei"))
    return figure


def _draw(axes: Axes, nuclei: pd.DataFrame, axes_lines: bool, numbered: pd.DataFrame | None = None) -> None:
    if nuclei.empty:
        say_empty(axes, "no nucleus found")
    for _, row in nuclei.iterrows():
        y, x = row["centroid-0"], row["centroid-1"]
        major, minor = row["axis_major_length"], row["axis_minor_length"]
        # regionprops' orientation: between the row axis and the major axis
        along = np.array([np.sin(row["orientation"]), np.cos(row["orientation"])])
        angle = np.degrees(np.arctan2(along[1], along[0]))
        width = 1.6 if axes_lines else 1.0
        axes.add_patch(
            Ellipse((x, y), major, minor, angle=angle, fill=False, edgecolor=ORANGE, linewidth=width)
        )
        if axes_lines:
            across = np.array([along[1], -along[0]])
            for direction, length, colour in ((along, major, ORANGE), (across, minor, BLUE)):
                ends = np.array([-1, 1])[:, None] * direction * length / 2 + (x, y)
                axes.plot(*ends.T, color="white", linewidth=2.6, solid_capstyle="butt")
                axes.plot(*ends.T, color=colour, linewidth=1.4, solid_capstyle="butt")
    for _, row in () if numbered is None else numbered.iterrows():
        axes.annotate(
            str(row["id"]),
            (row["centroid-1"], row["centroid-0"]),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=7,
            clip_on=True,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )
