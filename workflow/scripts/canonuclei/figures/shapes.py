"""The canonical shapes of all runs over one another: their outlines, and p(s) along the radius."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path as Outline

from ..analysis.shapes import PROFILE_RADII, LearnedShape, profiles
from .lines import legend_order, line_looks
from .material import shape_extent, shape_grid
from .outlines import outline
from .style import GREY, add_note, data_note, math_label

POINTS = 256  # a side, of the grid that outlines are found on


def draw_shapes(shapes: Sequence[LearnedShape], start: float, simulated: bool) -> Figure:
    """Outlines at p(s) = ½, and the mean of p(s) over all directions with its least and greatest.

    Colours and paleness are those of the training curves; the dash too, unless an encoder has runs of several
    lengths, each of which has its own here.

    Args:
        shapes: of the runs.
        start: radius of the disc that they began near, canonical units.
        simulated: whether the images are.
    """
    figure, (plane, radial) = plt.subplots(1, 2, figsize=(7.2, 3.1), layout="constrained")
    plane.add_patch(Circle((0, 0), start, facecolor="none", edgecolor=GREY, linewidth=3, alpha=0.35))
    half = max([1.0, *(shape_extent(each.shape) for each in shapes)])
    runs = [(each.approach, each.encoder, f"seed {each.seed}") for each in shapes]
    looks = [look | {"linewidth": 1.2} for look in line_looks(runs)]
    for each, (approach, encoder, seed), look in zip(shapes, runs, looks, strict=True):
        rays = profiles(each.shape, half)
        label = f"{math_label(approach)}, {encoder}, {seed}"
        radial.plot(half * PROFILE_RADII, rays.mean(axis=0), label=label, **look)
        radial.fill_between(
            half * PROFILE_RADII,
            rays.min(axis=0),
            rays.max(axis=0),
            color=look["color"],
            alpha=0.12,
            linewidth=0,
        )
        edge = outline(shape_grid(each.shape, POINTS, half), 0.5)
        if edge is not None:
            edge = Outline(half * ((edge.vertices * 2 + 1) / POINTS - 1), edge.codes)
            plane.add_patch(PathPatch(edge, fill=False, **look))
    plane.set(
        xlim=(-half, half), ylim=(half, -half), aspect="equal", xlabel="x'", ylabel="y'", title="p(s) = ½"
    )
    radial.axhline(0.5, color=GREY, linewidth=0.6)
    radial.set(xlabel="r'", ylabel="p(s)", xlim=(0, half), ylim=(0, 1.02), title="Along the radius")
    handles = radial.get_legend_handles_labels()[0]
    ordered = [handles[i] for i in legend_order(runs)]
    figure.legend(handles=ordered, loc="outside right center", fontsize=7)
    add_note(
        figure,
        data_note(
            simulated, "grey: the disc that they began near; bands: least and greatest of all directions"
        ),
    )
    return figure
