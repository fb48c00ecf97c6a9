"""From candidates to nuclei, label image and table at a threshold: no network is needed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..nuclei.fused import FusedShape
from ..nuclei.placed import canonical_pieces
from ..nuclei.resolve import MARGIN, merge_heads, resolve
from ..nuclei.rows import NUMBERS
from .doubt import words
from .labelling import Nuclei, label_image, pixel_sums
from .result import Segmentation
from .table import FRAME, columns_of, micron_columns, shape_columns
from .tiling import Grid
from .unlike import NOTHING, UNKNOWN, nothing_found, unlike_training


def grid_of(metadata: dict[str, Any]) -> Grid:
    """The tiles that a segmentation was made from."""
    sizes = *metadata["image_shape"], *metadata["scaled_size"]
    return Grid(*sizes, metadata["scale"], metadata["tile_size"], metadata["tile_overlap"])


def check_threshold(threshold: float, keep: float) -> None:
    """Raise an InputError unless ``keep`` ≤ threshold < 1."""
    if not keep <= threshold < 1:
        problem = f"{threshold:g} is not from {keep:g} (the least p that the table keeps) to 1"
        raise InputError("threshold", problem, "0.5 is the default")


def assemble(found: Segmentation, threshold: float, fused: FusedShape | None = None) -> Segmentation:
    """Nuclei, label image and table from the candidates.

    Args:
        found: its candidates, shape and metadata are read, and its picture, if any, for the intensities.
        threshold: of p(s) · p(z).
        fused: the shape for rendering, if at hand.

    Returns:
        A new segmentation; disagreements are those of the candidates, warnings are told anew where the
        image is at hand.

    Raises:
        InputError: a threshold below the least p(z) of the candidates, or not below 1.
    """
    start, metadata = time.perf_counter(), dict(found.metadata)
    check_threshold(threshold, metadata["keep"])
    grid, candidates = grid_of(metadata), found.candidates.reset_index(drop=True)
    pieces = canonical_pieces(candidates, grid.tiles(), fused or FusedShape(found.shape), threshold)
    heads = merge_heads(pieces, resolve(pieces, MARGIN / grid.scale), metadata["merge_overlap"])
    labels, nuclei = label_image(pieces, heads)
    # ids count from 1 in the candidates' order
    position = np.searchsorted(candidates["id"].to_numpy(), pieces.ids)
    group = np.zeros(len(candidates), np.int64)
    for head, members in zip(nuclei.heads.tolist(), nuclei.members, strict=True):
        group[position[members]] = pieces.ids[head]
    candidates["group"] = pd.arrays.IntegerArray(group, group == 0)
    table = _table(found, candidates, position, nuclei, labels, threshold)
    metadata |= {"threshold": threshold, "counts": counts_of(table)}
    metadata["seconds"] = {**metadata.get("seconds", {}), "assembly": round(time.perf_counter() - start, 3)}
    unions = {
        int(pieces.ids[head]): (box, mask)
        for head, members, box, mask in zip(*nuclei[:4], strict=True)
        if len(members) > 1
    }
    made = replace(
        found, labels=labels, nuclei=table, candidates=candidates, metadata=metadata, unions=unions
    )
    metadata["warnings"] = _warnings(made)
    return made


def counts_of(table: pd.DataFrame) -> dict[str, int]:
    """What ``counts.csv`` tells of an image's nuclei."""
    return {
        "count": len(table),
        "merged": int((table["merged_from"] != "").sum()),
        "touching_border": int(table["touches_border"].sum()),
        "doubtful": int((table["doubt"] != "").sum()),
    }


def _warnings(found: Segmentation) -> list[str]:
    """Notes of the file, that nothing was found, and what is unlike the training data.

    Without the image the last is as it was told before.
    """
    metadata = found.metadata
    none = []
    if not len(found.nuclei):
        none = nothing_found(found.candidates, metadata["threshold"], metadata["keep"], metadata["model"])
    if found.rgb is None:
        return [*none, *(told for told in metadata["warnings"] if not told.startswith(NOTHING))]
    training = metadata["training_data"]
    unlike = unlike_training(found.rgb, found.nuclei, training, metadata["scale"]) if training else [UNKNOWN]
    return [*metadata["notes"], *none, *unlike]


def _table(
    found: Segmentation,
    candidates: pd.DataFrame,
    position: np.ndarray,
    nuclei: Nuclei,
    labels: np.ndarray,
    threshold: float,
) -> pd.DataFrame:
    metadata = found.metadata
    rows = candidates.iloc[position[nuclei.heads]].reset_index(drop=True)
    merged = [position[members] for members in nuclei.members if len(members) > 1]
    flat = np.concatenate([np.zeros(0, np.int64), *merged])
    lengths = np.array([len(members) for members in nuclei.members], np.int64)
    group = np.repeat(np.flatnonzero(lengths > 1), lengths[lengths > 1])
    shapes = shape_columns(rows, candidates.iloc[flat], group, found.shape, threshold)
    table = pd.concat([rows[["id", *NUMBERS, *FRAME]], shapes], axis=1)
    if microns := metadata["pixel_size"]:
        table = pd.concat([table, micron_columns(shapes, tuple(microns))], axis=1)
    height, width = labels.shape
    table["touches_border"] = [
        int(
            (box[0] == 0 and mask[0].any())
            or (box[1] == 0 and mask[:, 0].any())
            or (box[2] == height and mask[-1].any())
            or (box[3] == width and mask[:, -1].any())
        )
        for box, mask in zip(nuclei.boxes.tolist(), nuclei.masks, strict=True)
    ]
    numbers = candidates["id"].to_numpy()
    table["merged_from"] = [
        ";".join(map(str, sorted(numbers[position[members[1:]]].tolist()))) for members in nuclei.members
    ]
    channels = len(metadata["channels"])
    pixels, ids = None if found.picture is None else found.picture.pixels, table["id"].to_numpy()
    counts, sums = pixel_sums(labels, pixels, int(ids.max(initial=0)))
    for channel in range(channels):
        mean = np.nan if sums is None else sums[ids, channel] / counts[ids]
        table[f"intensity_mean-{channel}"] = mean
    table["overlap"] = nuclei.overlap
    # kept with the candidates: a nucleus that a high threshold hides has it again at a lower one
    table["disagreement"] = rows.get("disagreement", np.float64(np.nan))
    table["doubt"] = words(table)
    return table[columns_of(channels, bool(microns))]
