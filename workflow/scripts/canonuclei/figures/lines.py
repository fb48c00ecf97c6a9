"""How the line of a run looks, the same in every figure that has one line a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .style import BLACK, BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, VERMILION, YELLOW

# By the approach's name in the tables; those beyond the paper take the spare ones
COLOURS = {
    "Ours": BLUE,
    "Ours+L_cnt": VERMILION,
    "DeepLabV3": GREEN,
    "Semantic": PURPLE,
    "Mask R-CNN": BLACK,
}
SPARE = (BROWN, ORANGE, GREY, YELLOW)
DASHES = ("-", "--", ":", "-.")
PALER = (1.0, 0.6, 0.3)


def line_looks(runs: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Colour by approach, dash by encoder, paler with each seed; options of ``Axes.plot``.

    Args:
        runs: approach, encoder (with its number of epochs or without) and seed of each.
    """
    approaches, encoders, seeds = (list(dict.fromkeys(run[i] for run in runs)) for i in range(3))
    others = [approach for approach in approaches if approach not in COLOURS]
    colours = COLOURS | {approach: SPARE[i % len(SPARE)] for i, approach in enumerate(others)}
    return [
        {
            "color": colours[approach],
            "linestyle": DASHES[encoders.index(encoder) % len(DASHES)],
            "alpha": PALER[min(seeds.index(seed), len(PALER) - 1)],
        }
        for approach, encoder, seed in runs
    ]


def legend_order(runs: Sequence[tuple[str, str, str]]) -> list[int]:
    """Numbers of the runs (as of ``line_looks``) by approach, encoder and seed, as a legend reads best."""
    approaches, encoders = (list(dict.fromkeys(run[i] for run in runs)) for i in (0, 1))

    def place(number: int) -> tuple[int, int, str]:
        approach, encoder, seed = runs[number]
        return approaches.index(approach), encoders.index(encoder), seed

    return sorted(range(len(runs)), key=place)
