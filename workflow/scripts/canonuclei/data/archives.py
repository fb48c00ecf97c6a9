"""BBBC038's published archives, read in place: nothing is ever extracted to disk.

Layout (Caicedo et al. 2019, accession BBBC038v1): ``stage1_train.zip`` holds ``ID/images/ID.png`` and
``ID/masks/*.png``, one nucleus a file; ``stage1_test.zip`` and ``stage2_test_final.zip`` hold the images
alone, their nuclei are run lengths in ``stage1_solution.csv`` and ``stage2_solution_final.csv``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ..errors import InputError
from . import images, rle
from .manifest import check_present
from .zip_files import AGAIN, check_name, member_bytes, open_zip

# The archive of each subset and, for the test sets, the table of its nuclei
FILES = {
    "stage1_train": ("stage1_train.zip", None),
    "stage1_test": ("stage1_test.zip", "stage1_solution.csv"),
    "stage2_test": ("stage2_test_final.zip", "stage2_solution_final.csv"),
}


@dataclass(frozen=True)
class AnnotatedImage:
    """An image with its nuclei.

    Attributes:
        image_id: the published id.
        subset: stage1_train, stage1_test or stage2_test; folder of a lab's own.
        rgb: uint8 (H, W, 3).
        labels: int32 (H, W); 0 is background, 1…n are the nuclei, each with at least one pixel; where
            ``truth`` is mask, 1 is all of them.
        truth: instances, or mask where nobody marked the nuclei one by one.
        k_source: what K of a tile is made from: instances, counts, components or none (see `pieces`).
        count: nuclei in the image by k_source counts.
        scale: pixels of ``rgb`` a pixel of the file, where it was rescaled.
    """

    image_id: str
    subset: str
    rgb: np.ndarray
    labels: np.ndarray
    truth: str = "instances"
    k_source: str = "instances"
    count: int | None = None
    scale: float = 1.0


def read_subset(source: str | Path, subset: str) -> Iterator[AnnotatedImage]:
    """Yield the annotated images of a subset, sorted by id.

    Of stage 2, rows whose ``Usage`` is ``Ignored`` are left out, and so are images without another row.

    Args:
        source: folder that holds the published files.
        subset: stage1_train, stage1_test or stage2_test.

    Raises:
        InputError: a file is missing or cut short; an image has no masks, a mask has another size, an id
            is there twice, or a row of run lengths does not fit its image.
    """
    with Archive(source, subset) as archive:
        for image_id in archive.ids:
            yield archive.read(image_id)


class Archive:
    """An open subset: ``ids`` (sorted, those with nuclei to score), and ``read`` for one of them."""

    def __init__(self, source: str | Path, subset: str) -> None:
        self.subset = subset
        name, solution = FILES[subset]
        self.path = published_file(source, name)
        self._zip = open_zip(self.path)
        try:
            self._images, self._masks = _members(self.path, self._zip)
            self._rows: dict[str, list[rle.Row]] = {}
            if solution is None:
                self.ids = sorted(self._images)
            else:
                self._solution = published_file(source, solution)
                self._rows = rle.read_rows(self._solution)
                self.ids = sorted(self._rows)
                self._check_annotated()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, image_id: str) -> AnnotatedImage:
        """Decode an image and its nuclei."""
        if image_id not in self._images or (self._rows and image_id not in self._rows):
            raise InputError(f"{self.path}, {image_id}", "no such annotated image", "check the id")
        rgb = self.rgb(image_id)
        if self._rows:
            pixels = rle.image_pixels(self._solution, self._rows[image_id], rgb.shape[:2])
        else:
            pixels = self._mask_pixels(image_id, rgb.shape[:2])
        return AnnotatedImage(image_id, self.subset, rgb, paint(pixels, rgb.shape[:2]))

    def rgb(self, image_id: str) -> np.ndarray:
        """Decode an image alone: uint8 (H, W, 3)."""
        return images.decode_rgb(*self._bytes(self._images[image_id]))

    def _mask_pixels(self, image_id: str, shape: tuple[int, int]) -> list[np.ndarray]:
        members = self._masks.get(image_id, [])
        if not members:
            raise InputError(f"{self.path}, {image_id}", "image without masks", AGAIN)
        pixels = []
        for member in members:
            mask = images.decode_mask(*self._bytes(member))
            if mask.shape != shape:
                size = f"mask of {_size(mask.shape)} for an image of {_size(shape)}"
                raise InputError(f"{self.path}, {member}", size, AGAIN)
            pixels.append(np.flatnonzero(mask))
            if pixels[-1].size == 0:
                raise InputError(f"{self.path}, {member}", "mask without a pixel", AGAIN)
        return pixels

    def _bytes(self, member: str) -> tuple[bytes, str]:
        return member_bytes(self.path, self._zip, member), f"{self.path}, {member}"

    def _check_annotated(self) -> None:
        missing = sorted(set(self._rows) - set(self._images))
        if missing:
            raise InputError(
                f"{self.path}, {missing[0]}", f"in {self._solution.name} but not in the archive", AGAIN
            )
        # Stage 2's archive is mostly of images that were never scored; stage 1's has no such
        extra = sorted(set(self._images) - set(self._rows))
        if extra and self.subset == "stage1_test":
            raise InputError(f"{self._solution}, {extra[0]}", "image of the archive without a row", AGAIN)


def paint(pixels: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Label image of nuclei given as flat (row-major) pixel indices.

    Published masks are disjoint. Where annotations overlap all the same, the smaller nucleus keeps the
    pixels, so that a small one within a big one survives whatever their order; of two that are equal one
    remains, and a mask that others cover wholly is no nucleus of its own.

    Returns:
        int32 (H, W), labels 1…n without gaps, in the order of ``pixels``.
    """
    order = np.argsort([-len(one) for one in pixels], kind="stable")
    labels = np.zeros(shape[0] * shape[1], np.int32)
    for index in order:
        labels[pixels[index]] = index + 1
    kept = np.unique(labels[labels > 0])
    if kept.size < len(pixels):
        renumbered = np.zeros(len(pixels) + 1, np.int32)
        renumbered[kept] = np.arange(1, kept.size + 1)
        labels = renumbered[labels]
    return labels.reshape(shape)


def published_file(source: str | Path, name: str) -> Path:
    """Path of a published file in ``source``; an InputError tells how to come by it if it is not there."""
    path = Path(source) / name
    check_present([path])
    return path


def _members(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Members by image id: the image, and the sorted masks. Other files are of no interest."""
    found: dict[str, str] = {}
    masks: dict[str, list[str]] = {}
    for member in archive.namelist():
        parts = member.split("/")
        picture = len(parts) == 3 and parts[2].lower().endswith(".png") and not parts[2].startswith(".")
        if not picture or parts[1] not in ("images", "masks"):
            # a mask whose name was damaged would be missed by nobody
            check_name(path, archive, member)
        elif parts[1] == "images":
            if parts[0] in found:
                raise InputError(f"{path}, {parts[0]}", "duplicate id: two images", AGAIN)
            found[parts[0]] = member
        else:
            masks.setdefault(parts[0], []).append(member)
    if not found:
        raise InputError(path, "no image as ID/images/ID.png", AGAIN)
    orphans = sorted(set(masks) - set(found))
    if orphans:
        raise InputError(f"{path}, {orphans[0]}", "masks without an image", AGAIN)
    return found, {image_id: sorted(names) for image_id, names in masks.items()}


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} px"
