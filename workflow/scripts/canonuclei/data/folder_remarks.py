"""What a lab should be told of its own images and masks before a training begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..words import many
from .listing import some
from .scaling import TYPICAL_DIAMETER, largest_whole_nucleus, scale_factor

# Nuclei this many times larger or smaller than the networks start with are worth a word
FAR = 2.5
# What is to be said of more files than this is said once
FEW = 3


def gathered(notes: Sequence[tuple[Path, str]]) -> list[str]:
    """Notes on files, a line each; the same note on more than `FEW` files of a folder is one line.

    Args:
        notes: file and note; a note twice on a file is told once.
    """
    files: dict[tuple[Path, str], list[Path]] = {}
    for path, note in dict.fromkeys(notes):
        files.setdefault((path.parent, note), []).append(path)
    said = []
    for (folder, note), paths in files.items():
        if len(paths) <= FEW:
            said += [f"{path}: {note}" for path in paths]
        else:
            named = some((path.name for path in paths), FEW)
            said.append(f"{folder}: of {many(len(paths), 'file')} ({named}): {note}")
    return said


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
            f"{settings['masks']}: {labelled} of {many(len(rows), 'mask')} "
            f"{'is a label image' if labelled == 1 else 'are label images'}, one number a nucleus; "
            f"training sees their union only ({used}), the labels serve evaluation"
        )
    if 0 < labelled < len(rows):
        others = len(rows) - labelled
        which = "one is binary: no F1 for it" if others == 1 else f"{others} are binary: no F1 for these"
        said.append(f"{settings['masks']}: the other {which}")
    for row in rows:
        if row["count"] != "" and row["count"] < row["components"]:
            regions = many(row["components"], "separate region")
            said.append(f"{row['mask']}: {regions}, but a count of {row['count']}: specks in the mask?")
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
