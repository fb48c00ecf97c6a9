"""Figure 3: the canonical shapes at several resolutions, as the paper's Figure 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from ..words import many
from .material import Nuclei, shape_extent, shape_grid, tell_runs
from .outlines import outline
from .style import add_note, data_note, math_label, say_empty, show_image

RESOLUTIONS = (16, 32, 64, 128, 256)
PANEL = 1.9  # inches a side


def draw_figure3(
    models: Sequence[Nuclei],
    diagnostics: Sequence[Mapping[str, Any]],
    simulated: bool,
    resolutions: Sequence[int] = RESOLUTIONS,
) -> Figure:
    """Each row is a model's p(s) over the square that shows it, sampled ever finer, with its outline at ½.

    Args:
        models: whose shapes.
        diagnostics: what was measured on each model's shape (``describe_shape``).
        simulated: whether the images that they learned from are.
        resolutions: points a side.
    """
    size = (PANEL * len(resolutions) + 0.9, PANEL * len(models) + 0.35)
    figure, grid = plt.subplots(
        len(models), len(resolutions), figsize=size, squeeze=False, layout="constrained"
    )
    for row, model, measured in zip(grid, models, diagnostics, strict=True):
        half = shape_extent(model.shape)
        for axes, points in zip(row, resolutions, strict=True):
            likelihood = shape_grid(model.shape, points, half)
            show_image(axes, likelihood, vmin=0, vmax=1, extent=(-half, half, half, -half))
            edge = outline(likelihood)
            if edge is None:
                say_empty(axes, "p(s) < ½ everywhere")
                continue
            edge = Outline(half * ((edge.vertices * 2 + 1) / points - 1), edge.codes)
            axes.add_patch(PathPatch(edge, facecolor="none", edgecolor="white", linewidth=1.4))
            axes.set(xlim=(-half, half), ylim=(half, -half))
        where = f"[−{half:.2g}, {half:.2g}]²"
        row[0].set_ylabel(f"{math_label(model.label)}, {where}\n{_say(measured)}", fontsize=8)
    for axes, points in zip(grid[0], resolutions, strict=True):
        axes.set_title(f"{points} × {points}")
    bar = figure.colorbar(grid[0][0].images[0], ax=grid, shrink=0.7, aspect=25, pad=0.01, label="p(s)")
    bar.ax.axhline(0.5, color="white", linewidth=1.6)
    add_note(
        figure,
        data_note(simulated, tell_runs(models), "canonical coordinates, outline at p(s) = ½"),
    )
    return figure


def _say(measured: Mapping[str, Any]) -> str:
    """What was measured on a shape: its eccentricity; whether it is one closed, convex piece."""
    parts = [many(measured.get("pieces", 1), "piece")]
    if measured.get("eccentricity") is None:
        return f"no closed outline\n{parts[0]}"
    if "closed" in measured:
        parts.insert(0, "closed" if measured["closed"] else "not closed")
    if "convex" in measured:
        parts.insert(1, "convex" if measured["convex"] else "not convex")
    return f"eccentricity {measured['eccentricity']:.2f}\n{', '.join(parts)}"
