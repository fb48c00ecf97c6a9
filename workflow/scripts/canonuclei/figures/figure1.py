"""Figure 1: the system, as the paper's Figure 1, drawn from a real tile and a model's real outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import Formatter

from ..data.tiles import Tiles
from ..nuclei.render import compose
from ..nuclei.rows import nuclei_masks, parameters
from .canvas import Canvas
from .material import Nuclei, shape_extent, shape_grid, shown_tile
from .outlines import outline
from .style import BLUE, GREEN, ORANGE, PURPLE, data_note, fitted_name, say_empty, show_image

SIDE = 0.7  # inches of the small panels
SHOWN = 3  # instances followed through the figure
COLOURS = (ORANGE, BLUE, GREEN)
CELLS = 8  # a side, as drawn
WINDOW = 1.75  # times the extent of the shape: where the grids are shown
LINE_STEP = 8  # px between the lines of a grid
NAME = 4.0  # inches of the note for the image's name
ENCODERS = {"resnet50": "ResNet-50", "efficientnet-lite0": "EfficientNet-Lite0", "tiny": "tiny encoder"}


@dataclass(frozen=True)
class Followed:
    """The instances that the figure follows, and what their tile says."""

    rows: pd.DataFrame
    masks: np.ndarray
    present: int
    composed: np.ndarray


def follow(nuclei: Nuclei, tile: pd.Series, size: int) -> Followed:
    """The biggest present instances of a tile, one a group; if none is present, those of highest p(z)."""
    rows = nuclei.of_tile(tile)
    composed = compose(*parameters(rows), nuclei.shape, size, size)
    heads = rows[rows["group"] == rows["id"]]
    masks, positions = nuclei_masks(heads, nuclei.shape, nuclei.threshold)
    order = positions[np.argsort(-masks.sum(axis=(1, 2)), kind="stable")]
    chosen = heads.iloc[order[:SHOWN]] if len(order) else rows.head(SHOWN)
    lower, t, p = parameters(chosen)
    each = [compose(lower[[i]], t[[i]], p[[i]], nuclei.shape, size, size) for i in range(len(chosen))]
    present = int(rows["group"].notna().sum())
    return Followed(chosen, np.array(each).reshape(-1, size, size), present, composed)


def draw_figure1(
    tiles: Tiles,
    index: int,
    nuclei: Nuclei,
    channels: int | None,
    per_cell: int,
    stride: int,
    simulated: bool,
) -> Figure:
    """Tile → encoder → parameters → transformed grids → canonical shape → instances → mask.

    Args:
        tiles: the test tiles.
        index: the tile.
        nuclei: the model's predictions.
        channels: of the features, if known.
        stride: px a cell.
        per_cell: instances a cell of the features.
        simulated: whether the images are.
    """
    canvas = Canvas(12.0, 6.75)
    tile = tiles.table.iloc[index]
    followed = follow(nuclei, tile, tiles.size)
    _draw_encoder(canvas, tiles, index, nuclei, followed, channels, stride)
    cells = tiles.size // stride
    _draw_parameters(canvas, followed, per_cell * cells**2, nuclei.threshold)
    canvas.arrow((9.55, 3.98), (9.55, 3.6), (1.8, 3.6), (1.8, 3.26))
    _draw_grids(canvas, nuclei, followed, tiles.size)
    _draw_shape(canvas, nuclei)
    _draw_masks(canvas, followed)
    _draw_composed(canvas, tiles, index, followed, nuclei.threshold)
    name = fitted_name(tile["image_id"], NAME)
    source = f"tile of {name} at row {tile['tile_y']}, column {tile['tile_x']}"
    model = f"model {nuclei.label}, encoder {nuclei.encoder}, seed {nuclei.seed}"
    note = data_note(simulated, source, model, f"outlines at {_told(nuclei.threshold)}")
    canvas.text(0.2, 0.13, note, ha="left", fontsize=8, color="#555555", parse_math=False)
    return canvas.figure


def _draw_encoder(
    canvas: Canvas,
    tiles: Tiles,
    index: int,
    nuclei: Nuclei,
    followed: Followed,
    channels: int | None,
    stride: int,
) -> None:
    axes = canvas.panel(0.25, 4.15, 2.1, 2.1)
    show_image(axes, shown_tile(tiles, index))
    for mask, colour in zip(followed.masks, COLOURS, strict=False):
        _add_outline(axes, outline(mask, nuclei.threshold), colour)
    canvas.text(1.3, 6.5, "Input tile I", weight="bold")
    canvas.arrow((2.42, 5.2), (2.75, 5.2))
    canvas.polygon([(2.8, 6.15), (2.8, 4.25), (4.1, 4.65), (4.1, 5.75)])
    name = ENCODERS.get(nuclei.encoder, nuclei.encoder)
    canvas.text(3.45, 5.2, f"{name}\noutput\nstride {stride}", fontsize=8.5)
    canvas.text(3.45, 6.5, "Encoder", weight="bold")
    canvas.arrow((4.15, 5.2), (4.42, 5.2))
    _draw_features(canvas, 4.5, 4.8)
    depth = "C" if channels is None else str(channels)
    canvas.text(5.0, 4.5, f"{tiles.size // stride} × {tiles.size // stride} × {depth}", fontsize=8.5)
    canvas.text(5.0, 6.5, "Features", weight="bold")
    canvas.arrow((5.6, 5.3), (5.85, 5.3), (5.85, 5.65), (6.05, 5.65))
    canvas.arrow((5.6, 5.3), (5.85, 5.3), (5.85, 4.75), (6.05, 4.75))
    canvas.box(6.1, 5.4, 0.85, 0.5, "1×1 conv\n[L | t]", fontsize=8)
    canvas.box(6.1, 4.5, 0.85, 0.5, "1×1 conv\np(z)", fontsize=8)
    canvas.arrow((7.0, 5.65), (7.3, 5.65))
    canvas.arrow((7.0, 4.75), (7.3, 4.75))


def _draw_features(canvas: Canvas, x: float, y: float) -> None:
    """A block of 8×8 cells in perspective."""
    side, depth = 0.8, 0.22
    canvas.polygon([(x, y + side), (x + depth, y + side + depth), (x + side + depth, y + side + depth),
                    (x + side, y + side)], "#D5E2EE")  # fmt: skip
    canvas.polygon([(x + side, y), (x + side + depth, y + depth), (x + side + depth, y + side + depth),
                    (x + side, y + side)], "#C3D5E6")  # fmt: skip
    canvas.polygon([(x, y), (x + side, y), (x + side, y + side), (x, y + side)])
    for cell in range(1, CELLS):
        offset = side * cell / CELLS
        canvas.back.plot([x + offset] * 2, [y, y + side], color="#9DB4C8", linewidth=0.5)
        canvas.back.plot([x, x + side], [y + offset] * 2, color="#9DB4C8", linewidth=0.5)


def _told(threshold: float) -> str:
    return "½" if threshold == 0.5 else f"{threshold:g}"


def _draw_parameters(canvas: Canvas, followed: Followed, number: int, threshold: float) -> None:
    left, top, step = 7.4, 6.02, 0.52
    columns = (0.2, 1.42, 2.7, 3.7)
    canvas.text(9.55, 6.5, f"Parameters of N = {number} instances", weight="bold")
    for place, name in zip(columns, ("id", "L", "t", "p(z)"), strict=True):
        canvas.text(left + place, top, name, fontsize=9, style="italic")
    canvas.back.plot([left, left + 4.3], [top - 0.17] * 2, color="#777777", linewidth=0.8)
    for line, (colour, (_, row)) in enumerate(zip(COLOURS, followed.rows.iterrows(), strict=False)):
        y = top - 0.45 - step * line
        canvas.text(left + 0.2, y, str(row["id"]), color=colour, weight="bold")
        _matrix(canvas, left + 1.42, y, [[row["l11"], 0.0], [row["l21"], row["l22"]]])
        _matrix(canvas, left + 2.7, y, [[row["t1"]], [row["t2"]]])
        canvas.text(left + 3.7, y, f"{row['p']:.3f}", fontsize=8.5)
    limit = _told(threshold)
    last = f"⋮   {followed.present} of them present, the others without a pixel at p(s) p(z) ≥ {limit}"
    if not followed.present:
        last = f"no instance is present: p(s) p(z) < {limit} everywhere"
    canvas.text(left + 2.15, 4.14, last, fontsize=8, color="#555555")


def _matrix(canvas: Canvas, x: float, y: float, values: list[list[float]]) -> None:
    """Numbers between square brackets, two rows high."""
    gap, half = 0.5, 0.19
    width = gap * len(values[0]) / 2 + 0.03
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            place = x + gap * (column - (len(line) - 1) / 2)
            text = "0" if value == 0 else Formatter.fix_minus(f"{value:.2f}")
            canvas.text(place, y + 0.09 - 0.18 * row, text, fontsize=8)
    for side in (-1, 1):
        edge, tip = x + side * width, x + side * (width - 0.05)
        canvas.back.plot(
            [tip, edge, edge, tip], [y + half, y + half, y - half, y - half], color="#444444", lw=0.9
        )


def _draw_grids(canvas: Canvas, nuclei: Nuclei, followed: Followed, size: int) -> None:
    axes = canvas.panel(0.3, 1.49, SIDE, SIDE)
    show_image(axes, np.ones((1, 1)), cmap="gray", vmin=0, vmax=1, extent=(-1, 1, 1, -1))
    for line in _grid_lines(np.eye(2), np.zeros(2), size):
        axes.plot(*line.T, color="#888888", linewidth=0.6)
    canvas.text(0.65, 2.36, "Grid X", weight="bold")
    canvas.arrow((1.06, 1.84), (1.36, 1.84))
    canvas.text(1.8, 3.12, "Transformed grids", weight="bold")
    canvas.text(1.8, 0.45, r"$X′ = L\,X + t$   (1)", fontsize=10)
    lower, t, _ = parameters(followed.rows)
    window = WINDOW * shape_extent(nuclei.shape)
    background = shape_grid(nuclei.shape, 128, window)
    for place, axes in enumerate(_stack(canvas, 1.45)):
        extent = (-window, window, window, -window)
        show_image(axes, background, cmap="Greys", vmin=0, vmax=1.6, extent=extent)
        if place >= len(lower):
            say_empty(axes, "–")
            continue
        for line in _grid_lines(lower[place], t[place], size):
            axes.plot(*line.T, color=COLOURS[place], linewidth=0.7)
        axes.set(xlim=(-window, window), ylim=(window, -window))


def _grid_lines(lower: np.ndarray, t: np.ndarray, size: int) -> list[np.ndarray]:
    """The image grid's lines, every few pixels, carried to canonical coordinates; straight, so two ends."""
    ticks = np.arange(0, size + 1, LINE_STEP) * 2 / size - 1
    ends = [np.array([[tick, -1], [tick, 1]]) for tick in ticks]
    ends += [end[:, ::-1] for end in ends]
    return [end @ lower.T + t for end in ends]


def _draw_shape(canvas: Canvas, nuclei: Nuclei) -> None:
    canvas.arrow((2.25, 1.84), (2.72, 1.84))
    canvas.box(2.8, 0.73, 2.15, 2.22)
    axes = canvas.panel(3.095, 1.24, 1.56, 1.56)
    likelihood = shape_grid(nuclei.shape, 128, shape_extent(nuclei.shape))
    show_image(axes, likelihood, vmin=0, vmax=1)
    _add_outline(axes, outline(likelihood), "white")
    canvas.text(3.875, 3.12, "Canonical shape MLP", weight="bold")
    canvas.text(3.875, 0.98, "(x′, y′, r′) → 8 → 4 → p(s)", fontsize=8.5)
    canvas.text(3.875, 0.45, "one learned shape for all", fontsize=8.5)


def _draw_masks(canvas: Canvas, followed: Followed) -> None:
    canvas.arrow((5.03, 1.84), (5.42, 1.84))
    canvas.text(5.85, 3.12, "Instances", weight="bold")
    canvas.text(5.85, 0.45, r"$p(s_i\,|\,X′_i)\;p(z_i)$", fontsize=10)
    for place, axes in enumerate(_stack(canvas, 5.5)):
        if place >= len(followed.masks):
            show_image(axes, np.zeros((2, 2)), cmap="gray", vmin=0, vmax=1)
            say_empty(axes, "–")
            continue
        show_image(axes, followed.masks[place], cmap="gray", vmin=0, vmax=1)
        for spine in axes.spines.values():
            spine.set(color=COLOURS[place], linewidth=1.8)


def _draw_composed(canvas: Canvas, tiles: Tiles, index: int, followed: Followed, threshold: float) -> None:
    canvas.arrow((6.28, 1.84), (6.62, 1.84))
    canvas.box(6.7, 1.64, 0.6, 0.4, r"$\max_i$", fontsize=10)
    canvas.arrow((7.38, 1.84), (7.7, 1.84))
    axes = canvas.panel(7.78, 0.84, 1.96, 1.96)
    show_image(axes, followed.composed, cmap="gray", vmin=0, vmax=1)
    _add_outline(axes, outline(followed.composed, threshold), PURPLE)
    canvas.text(8.76, 3.12, "Composed mask", weight="bold")
    canvas.text(8.76, 0.45, r"$p(y|I) = \max_i\, p(s_i|X′_i)\,p(z_i)$   (2)", fontsize=9.5)
    axes = canvas.panel(9.9, 0.84, 1.96, 1.96)
    show_image(axes, np.asarray(tiles.masks[index]) > 0, cmap="gray", vmin=0, vmax=1)
    canvas.text(10.88, 3.12, "Ground truth", weight="bold")
    canvas.text(10.88, 0.45, "training compares the two", fontsize=8.5)


def _stack(canvas: Canvas, x: float) -> list[Axes]:
    top, gap = 2.95, 0.06
    return [canvas.panel(x, top - (SIDE + gap) * place - SIDE, SIDE, SIDE) for place in range(SHOWN)]


def _add_outline(axes: Axes, path: Outline | None, colour: str) -> None:
    if path is not None:
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=1.6))
