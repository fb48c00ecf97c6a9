"""What a lab should be told of its own images and masks before a training begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .scaling import TYPICAL_DIAMETER, largest_whole_nucleus, scale_factor

# Nuclei this many times larger or smaller than the networks start with are worth a word
FAR = 2.5


def remarks(
    rows: Sequence[Mapping[str, Any]], areas: Sequence[float], settings: Mapping[str, Any]
) -> list[str]:
    """What the user should know of the data set as a whole: a line each.

    Args:
        rows: of the index, see `folder.index_folder`.
        areas: foreground of each image, in px of the network's image.
        settings: the config's section ``data``.
    """
    scale, said = scale_factor(settings), []
    labelled = sum(row["truth"] == "instances" for row in rows)
    if labelled:
        used = (
            "their counts too, as data.counts says" if settings["counts"] == "labels" else "no count of them"
        )
        said.append(
            f"{settings['masks']}: {labelled} of {len(rows)} masks are label images, one number a nucleus; "
            f"training sees their union only ({used}), the labels serve evaluation"
        )
    if 0 < labelled < len(rows):
        said.append(f"{settings['masks']}: the other {len(rows) - labelled} are binary: no F1 for these")
    for row in rows:
        if row["count"] != "" and row["count"] < row["components"]:
            said.append(
                f"{row['mask']}: {row['components']} separate regions, but a count of {row['count']}: "
                "specks in the mask?"
            )
    if settings["counts"] == "components":
        said.append(
            "data.counts is components: K is the number of separate regions, a lower bound where nuclei touch"
        )
    number = sum(int(row["count"] or row["nuclei"] or row["components"]) for row in rows)
    if number:
        diameter = math.sqrt(4 * sum(areas) / (math.pi * number))
        if not TYPICAL_DIAMETER / FAR <= diameter <= TYPICAL_DIAMETER * FAR:
            own = diameter / scale
            said.append(
                f"nuclei are about {diameter:.0f} px across after scaling, the network starts at "
                f"{TYPICAL_DIAMETER:.0f}: data.nucleus_diameter: {own:.0f} would bring them there"
            )
    return said


def stitching_note(overlap: int, scale: float) -> str:
    """The largest nucleus that whole images show whole, for a log."""
    most = largest_whole_nucleus(overlap, scale)
    return (
        f"Whole images are put together from tiles that overlap by {overlap} px at scale {scale:.3g}: nuclei "
        f"up to {most:.0f} px across in your images are whole; beyond, raise tiles.whole_overlap or shrink"
    )
