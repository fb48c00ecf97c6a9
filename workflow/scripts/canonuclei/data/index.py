"""The index of a data set: one row an image, from the archives alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .archives import AnnotatedImage, read_subset
from .looks import look
from .manifest import pixel_digest


def index_subset(source: str | Path, subset: str) -> list[dict]:
    """Rows of a subset's annotated images; reads every image and mask, so that faults show here first."""
    return [index_row(image) for image in read_subset(source, subset)]


def index_row(image: AnnotatedImage) -> dict:
    """An image's row, with the keys `manifest.COLUMNS`; ``mosaic`` is blank, the pixels don't tell it."""
    height, width = image.labels.shape
    return {
        "image_id": image.image_id,
        "subset": image.subset,
        "width": width,
        "height": height,
        "nuclei": int(image.labels.max()),
        "digest": pixel_digest(image.rgb),
        "look": look(image.rgb),
        "mosaic": "",
    }


def build_manifest(rows: Iterable[dict], mosaics: dict[str, str]) -> list[dict]:
    """Index rows with their mosaics, by id, filled in: the committed manifest."""
    return [{**row, "mosaic": mosaics[row["image_id"]]} for row in rows]
