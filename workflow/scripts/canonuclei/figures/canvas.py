"""A drawing board measured in inches, for figures that are diagrams."""

from __future__ import annotations

import itertools
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

INK = "#444444"
PALE = "#EEF3F8"


class Canvas:
    """A figure with one invisible background in inches, and panels placed on it by their lower left corner.

    Args:
        width, height: of the figure, inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.figure = plt.figure(figsize=(width, height))
        self.width, self.height = width, height
        self.back = self.figure.add_axes((0, 0, 1, 1), zorder=-1)
        self.back.set(xlim=(0, width), ylim=(0, height))
        self.back.axis("off")

    def panel(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes at a place."""
        box = (x / self.width, y / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, x: float, y: float, text: str, **options: Any) -> None:
        """Text centred on a place."""
        options = {"ha": "center", "va": "center", "fontsize": 9} | options
        self.back.text(x, y, text, **options)

    def arrow(self, *points: tuple[float, float]) -> None:
        """An arrow through points; all but its last leg are plain lines."""
        for start, end in itertools.pairwise(points):
            self.back.plot(
                *zip(start, end, strict=True), color=INK, linewidth=1.3, solid_capstyle="projecting"
            )
        style = {"arrowstyle": "-|>", "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
        self.back.add_patch(FancyArrowPatch(points[-2], points[-1], color=INK, linewidth=1.3, **style))

    def box(self, x: float, y: float, width: float, height: float, text: str = "", **options: Any) -> None:
        """A rounded box with text in its middle."""
        style = {"boxstyle": "round,pad=0,rounding_size=0.06", "linewidth": 0.9, "edgecolor": INK}
        self.back.add_patch(FancyBboxPatch((x, y), width, height, facecolor=PALE, **style))
        if text:
            self.text(x + width / 2, y + height / 2, text, **options)

    def polygon(self, points: list[tuple[float, float]], colour: str = PALE) -> None:
        """A filled polygon."""
        self.back.add_patch(Polygon(points, closed=True, facecolor=colour, edgecolor=INK, linewidth=0.9))
