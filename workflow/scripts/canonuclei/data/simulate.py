"""Simulated images of nuclei, in the archive layout in which BBBC038 is published.

For the demo: every rule that reads the published files reads these, no real image is in them, and no
network is needed. Geometry is in ``simulate_nuclei``, appearance in ``simulate_looks``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InputError
from ..files import atomic_path
from . import rle
from .simulate_looks import render_fluorescence, render_tissue
from .simulate_nuclei import grow_field

# Written in this order; the names are those that the Broad Institute publishes
FILES = (
    "stage1_train.zip",
    "stage1_test.zip",
    "stage1_solution.csv",
    "stage2_test_final.zip",
    "stage2_solution_final.csv",
)
SUBSETS = {"train": "stage1_train", "validation": "stage1_test", "test": "stage2_test"}
IGNORED = 3  # more images of stage 2, which were never scored
MIN_SIDE = 64  # px
# Height and width of a subset's second and third image: no multiple of a tile's side, and under it
ODD_SIZES = {1: (260, 347), 2: (100, 161)}
TISSUE_EVERY = 4  # three of four images are fluorescence
EPOCH = (1980, 1, 1, 0, 0, 0)  # every member's date: the bytes depend on the seed alone


@dataclass(frozen=True)
class SimulatedImage:
    """An image and its nuclei.

    Attributes:
        image_id: 64 hexadecimal digits.
        look: fluorescence or tissue.
        pixels: uint8 (H, W, 3) or (H, W, 4), or grey uint8 or uint16 (H, W).
        labels: int32 (H, W), 0 background, 1 ... n; of overlapping nuclei the upper one has the pixels.
    """

    image_id: str
    look: str
    pixels: np.ndarray
    labels: np.ndarray


def write_source(folder: str | Path, settings: Mapping[str, Any]) -> None:
    """Write the five files of ``FILES`` into ``folder``, each atomically.

    The same settings give the same bytes (with the same versions of NumPy, SciPy and Pillow).

    Args:
        folder: where the files go.
        settings: ``seed`` (0 or more), ``images`` (numbers of ``train``, ``validation`` and ``test``
            images, 1 or more each) and ``size`` (height and width in px, 64 or more).

    Raises:
        InputError: a number or the size is out of range.
    """
    seed, numbers, size = _checked(settings)
    folder = Path(folder)
    train = simulate_subset(seed, "stage1_train", numbers["train"], size)
    _write_archive(folder / FILES[0], train, with_masks=True)
    validation = list(simulate_subset(seed, "stage1_test", numbers["validation"], size))
    _write_archive(folder / FILES[1], validation)
    _write_solution(folder / FILES[2], validation, "Public")
    scored = list(simulate_subset(seed, "stage2_test", numbers["test"], size))
    ignored = list(simulate_subset(seed, "stage2_ignored", IGNORED, size))
    _write_archive(folder / FILES[3], sorted(scored + ignored, key=lambda one: one.image_id))
    _write_solution(folder / FILES[4], scored, "Private", ignored)


def simulate_subset(seed: int, subset: str, number: int, size: tuple[int, int]) -> Iterator[SimulatedImage]:
    """Yield the images of a subset, sorted by id.

    Args:
        seed: any number from 0 on.
        subset: stage1_train, stage1_test, stage2_test or stage2_ignored; stage 2 has other file types too.
        number: of images.
        size: height and width in px of all but the images of ``ODD_SIZES``.
    """
    ids = [_digest(f"canonuclei simulation {seed} {subset} {index}") for index in range(number)]
    for image_id, index in sorted(zip(ids, range(number), strict=True)):
        height, width = ODD_SIZES.get(index, size)
        rng = np.random.default_rng([seed, *subset.encode(), index])
        nuclei = grow_field(rng, height, width)
        tissue = index % TISSUE_EVERY == TISSUE_EVERY - 1
        image = (render_tissue if tissue else render_fluorescence)(rng, nuclei)
        kind = _stage2_kind(index, tissue) if subset.startswith("stage2") else "RGBA"
        look = "tissue" if tissue else "fluorescence"
        yield SimulatedImage(image_id, look, _as_kind(image, kind), nuclei.labels)


def _stage2_kind(index: int, tissue: bool) -> str:
    """The file types of stage 2 vary; tissue has colours to keep."""
    if tissue:
        return ("RGBA", "RGB")[index // TISSUE_EVERY % 2]
    return ("RGBA", "grey16", "grey", "RGB")[(index + index // TISSUE_EVERY) % 4]


def _as_kind(image: np.ndarray, kind: str) -> np.ndarray:
    if kind == "grey16":
        return np.rint(image * 257).astype(np.uint16)
    pixels = np.rint(image).astype(np.uint8)
    if kind == "grey":
        return pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if kind == "RGBA":
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=2)
    return pixels


def _write_archive(path: Path, images: Iterable[SimulatedImage], with_masks: bool = False) -> None:
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for image in images:
            name = image.image_id
            _add(archive, f"{name}/images/{name}.png", image.pixels)
            for mask, member in _masks(image) if with_masks else ():
                _add(archive, member, mask)


def _masks(image: SimulatedImage) -> Iterator[tuple[np.ndarray, str]]:
    for label in range(1, int(image.labels.max()) + 1):
        mask_id = _digest(f"{image.image_id} {label}")
        yield (image.labels == label).astype(np.uint8) * 255, f"{image.image_id}/masks/{mask_id}.png"


def _add(archive: zipfile.ZipFile, member: str, pixels: np.ndarray) -> None:
    """Add a PNG; stored as it is, since PNG is compressed already, and with a fixed date."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, format="png")
    entry = zipfile.ZipInfo(member, EPOCH)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data.getvalue())


def _write_solution(
    path: Path, scored: Sequence[SimulatedImage], usage: str, ignored: Sequence[SimulatedImage] = ()
) -> None:
    rows: list[tuple[str, str, int, int, str]] = []
    for image in scored:
        for label in range(1, int(image.labels.max()) + 1):
            rows.append((image.image_id, rle.encode(image.labels == label), *image.labels.shape, usage))
    rows += [(image.image_id, "1 1", *image.labels.shape, "Ignored") for image in ignored]
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rle.COLUMNS)
        writer.writerows(sorted(rows, key=lambda row: row[0]))


def _checked(settings: Mapping[str, Any]) -> tuple[int, dict[str, int], tuple[int, int]]:
    seed, size = int(settings["seed"]), tuple(int(side) for side in settings["size"])
    numbers = {name: int(settings["images"][name]) for name in SUBSETS}
    if seed < 0:
        raise InputError("simulation: seed", f"{seed} is negative", "give 0 or more")
    if len(size) != 2 or min(size) < MIN_SIDE:
        raise InputError("simulation: size", f"{list(size)}", f"give height and width, {MIN_SIDE} px or more")
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"simulation: images: {name}", f"{number} images", "give 1 or more")
    return seed, numbers, (size[0], size[1])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
