"""A lab's own images: a folder of pictures, a folder of masks with the same names, and perhaps counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .archives import AnnotatedImage
from .folder_remarks import gathered, remarks
from .folder_tables import read_counts
from .listing import COUNTED, matched
from .looks import look
from .manifest import pixel_digest
from .masks import Mask, read_mask
from .pieces import components
from .reader import Picture, nearest, read_picture, rescaled, to_rgb8
from .scaling import scale_factor

SUBSET = "folder"
COLUMNS = (
    *("image_id", "subset", "width", "height", "nuclei", "count", "components", "truth", "digest", "look"),
    *("mosaic", "pixel_height_um", "pixel_width_um", "image", "mask"),
)


@dataclass(frozen=True)
class Source:
    """What the config's section ``data`` says: an image and a mask file by stem, and how to read them."""

    pairs: dict[str, tuple[Path, Path]]
    counts: dict[str, int] | None
    settings: Mapping[str, Any]

    @property
    def scale(self) -> float:
        """See `scaling.scale_factor`."""
        return scale_factor(self.settings)


def open_source(settings: Mapping[str, Any]) -> Source:
    """Match images, masks and counts by name.

    Args:
        settings: ``images`` and ``masks`` (folders), ``counts`` (a CSV file, components, labels or None),
            ``channel``, ``scale``, ``nucleus_diameter``.

    Raises:
        InputError: a folder without images, images and masks that don't match, or counts that don't.
    """
    pairs = matched(settings["images"], settings["masks"])
    counts = settings["counts"]
    table = None if counts in COUNTED else read_counts(counts, list(pairs))
    return Source(pairs, table, settings)


def index_folder(settings: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Read every image and mask once.

    Returns:
        A row an image with the keys `COLUMNS`: ``width``, ``height`` and ``digest`` of the rescaled image;
        ``nuclei`` of label images only; ``count`` of the table or of the labels, as the config says;
        ``components`` connected ones of the mask; ``truth`` instances or mask. And warnings, a line each.

    Raises:
        InputError: any file that cannot be used, sizes that differ, or a count that contradicts its mask.
    """
    source = open_source(settings)
    rows, notes, kinds, areas = [], [], [], []
    for stem in source.pairs:
        picture, mask = _read(source, stem)
        rows.append(_row(source, stem, picture, mask))
        areas.append(int(np.count_nonzero(mask.labels)) * source.scale**2)
        kinds.append(mask.kind)
        for path, read in zip(source.pairs[stem], (picture, mask), strict=True):
            notes += [(path, note) for note in read.notes]
    labelled = "instances" in kinds
    for row, kind in zip(rows, kinds, strict=True):
        # No nucleus, or one: among label images it is one of them, among masks a mask
        row["truth"] = "instances" if kind == "instances" or (labelled and kind == "either") else "mask"
        row["nuclei"] = row["nuclei"] if row["truth"] == "instances" else ""
        row["count"] = _count(source, row)
    return rows, gathered(notes) + remarks(rows, areas, settings)


def read_annotated(
    settings: Mapping[str, Any], rows: Sequence[Mapping[str, str]]
) -> Iterator[AnnotatedImage]:
    """Yield images with what the index says of them; ``rows`` are rows of `index_folder` (as text)."""
    source = open_source(settings)
    counts = settings["counts"]
    for row in rows:
        stem = row["image_id"]
        if stem not in source.pairs:
            raise InputError(settings["images"], f"no image {stem} any more", "run the rule `index` again")
        picture, mask = _read(source, stem)
        rgb, labels = _scaled(to_rgb8(picture, settings["channel"]), mask.labels, source.scale)
        instances = row["truth"] == "instances"
        k_source = {None: "none", "components": "components", "labels": "instances"}.get(counts, "counts")
        yield AnnotatedImage(
            image_id=stem,
            subset=SUBSET,
            rgb=rgb,
            labels=labels if instances else (labels > 0).astype(np.int32),
            truth=row["truth"],
            k_source=k_source,
            count=int(row["count"]) if k_source == "counts" else None,
            scale=source.scale,
        )


def _read(source: Source, stem: str) -> tuple[Picture, Mask]:
    image_path, mask_path = source.pairs[stem]
    # the index tells of their notes, once
    picture, mask = read_picture(image_path, quiet=True), read_mask(mask_path)
    if picture.pixels.shape[:2] != mask.labels.shape:
        sizes = [f"{width} x {height} px" for height, width in (mask.labels.shape, picture.pixels.shape[:2])]
        problem = f"mask of {sizes[0]} for an image of {sizes[1]} ({image_path.name})"
        raise InputError(mask_path, problem, "give the mask that was drawn on this image")
    return picture, mask


def _scaled(rgb: np.ndarray, labels: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels at the networks' scale; a label's pixels are the nearest ones."""
    small = rescaled(rgb, scale)
    return small, labels if small.shape[:2] == labels.shape else nearest(labels, small.shape[:2])


def _row(source: Source, stem: str, picture: Picture, mask: Mask) -> dict[str, Any]:
    rgb, labels = _scaled(to_rgb8(picture, source.settings["channel"]), mask.labels, source.scale)
    rows_um, columns_um = picture.pixel_size or ("", "")
    image, drawn = source.pairs[stem]
    return {
        "image_id": stem,
        "subset": SUBSET,
        "width": rgb.shape[1],
        "height": rgb.shape[0],
        "nuclei": np.count_nonzero(np.unique(mask.labels)),
        "components": int(components(mask.labels).max()),
        "digest": pixel_digest(rgb),
        "look": look(rgb),
        "mosaic": "",
        "pixel_height_um": rows_um,
        "pixel_width_um": columns_um,
        "image": image.name,
        "mask": drawn.name,
        "_foreground": int(np.count_nonzero(labels)),
    }


def _count(source: Source, row: Mapping[str, Any]) -> int | str:
    """The image's count as the config's ``counts`` has it, checked against the mask; empty without one."""
    stem = row["image_id"]
    if source.settings["counts"] == "labels":
        if row["truth"] != "instances":
            remedy = "set data.counts to a CSV file or to components, or give label images for all"
            raise InputError(source.pairs[stem][1], "no label image, but data.counts is labels", remedy)
        return int(row["nuclei"])
    if source.counts is None:
        return ""
    count, foreground = source.counts[stem], row["_foreground"]
    if (count == 0) != (foreground == 0) or count > foreground:
        where = f"{source.settings['counts']}, {stem}"
        remedy = "mend the count or the mask"
        raise InputError(where, f"count is {count}, but the mask has {foreground} pixels of nuclei", remedy)
    return count
