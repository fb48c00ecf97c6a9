"""What all figures share: the style file, the colours, and how a figure is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from ..files import atomic_path
from ..words import shortened

STYLE = Path(__file__).with_name("canonuclei.mplstyle")

# Okabe & Ito (2008): told apart with every common kind of colour blindness
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#777777"
BROWN = "#8C510A"  # not of theirs; for a variant beyond the paper, which stands beside all the others
# For instances on a grey image: black and blue would drown in it
INSTANCE_COLOURS = (ORANGE, SKY, GREEN, YELLOW, PURPLE, VERMILION)

COUNT_LOSS = r"$L_{cnt}$"


def make_figure(draw: Callable[..., Figure], paths: dict[str, str | Path], **data: Any) -> None:
    """Draw a figure in the project's style and write it, whole or not at all.

    The same data give the same bytes: no date, and ids from a fixed salt.

    Args:
        draw: makes the figure from ``data``.
        paths: format (``png``, ``svg``) → file.
        data: what ``draw`` wants.
    """
    matplotlib.use("Agg")
    with matplotlib.style.context(STYLE):
        figure = draw(**data)
        # laid out once: each further drawing would move the panels a little, and the formats differ
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for kind, path in paths.items():
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=kind, metadata={"Date": None} if kind == "svg" else None)
    print(f"drawn: {', '.join(str(path) for path in paths.values())}")


def math_label(label: str) -> str:
    """An approach's name with ``L_cnt`` set as a symbol.

    An italic L, not the paper's calligraphic one: in SVG that and primes would come from fonts that browsers
    don't have, and show as boxes.
    """
    return label.replace("L_cnt", COUNT_LOSS)


def fitted_name(name: str, inches: float, size: float = 8) -> str:
    """An image's name, whole where it fits; else as ``words.shortened`` makes it fit.

    Args:
        name: the image's id. Draw it with ``parse_math=False``: file names may have dollar signs.
        inches: of the line that it stands on.
        size: of the font in points.
    """
    font = FontProperties(size=size)
    for most in range(max(len(name), 3), 2, -1):
        text = shortened(name, most)
        if text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] <= 72 * inches:
            break
    return text


def data_note(simulated: bool, *notes: str) -> str:
    """The line under a figure: what it was drawn from, and that the data are simulated where they are."""
    return "  ·  ".join([*(["Simulated images"] if simulated else []), *(note for note in notes if note)])


def add_note(figure: Figure, text: str) -> None:
    """Write the line under a figure, if there is one."""
    if text:
        figure.supxlabel(text, fontsize=8, color="#555555", x=0.01, ha="left")


def show_image(axes: Axes, image: np.ndarray, **options: Any) -> None:
    """Show an image without ticks, with a thin frame."""
    axes.imshow(image, **options)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#999999", linewidth=0.6)


def say_empty(axes: Axes, text: str) -> None:
    """Write over an image that there is nothing to draw on it."""
    box = {"facecolor": "white", "edgecolor": "#999999", "linewidth": 0.6, "alpha": 0.9, "pad": 2}
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8, bbox=box)
