"""BBBC038's run lengths: pairs "start length", 1-based, counted down the columns (column-major)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "Usage")
REMEDY = "get the file again"


@dataclass(frozen=True)
class Row:
    """A row of a solution table: one nucleus. ``line`` is its line in the file, from 2 on."""

    line: int
    image_id: str
    runs: str
    height: int
    width: int


def decode(text: str, shape: tuple[int, int], where: str) -> np.ndarray:
    """Flat row-major indices (int64, sorted) of the pixels that run lengths cover.

    Args:
        text: ``"start length start length …"``.
        shape: height and width of the image.
        where: file, row and image, for the error.

    Raises:
        InputError: not numbers, an odd number of them, none, a run out of range or over another.
    """
    # int() takes 1_0, and digits of other scripts
    plain = text.isascii() and "_" not in text
    try:
        numbers = np.array([int(word if plain else "") for word in text.split()], dtype=np.int64)
    except (ValueError, OverflowError):
        raise InputError(where, "run lengths are not whole numbers", REMEDY) from None
    if numbers.size == 0 or numbers.size % 2:
        raise InputError(where, f"{numbers.size} numbers are no pairs of start and length", REMEDY)
    starts, lengths = numbers[0::2] - 1, numbers[1::2]
    height, width = shape
    total = height * width
    # Compared without a sum that could overflow
    if ((starts < 0) | (starts >= total) | (lengths < 1) | (lengths > total - starts)).any():
        raise InputError(where, f"run out of range of {width} x {height} px", REMEDY)
    order = np.argsort(starts)
    starts, lengths = starts[order], lengths[order]
    if (starts[1:] < (starts + lengths)[:-1]).any():
        raise InputError(where, "runs overlap", REMEDY)
    # Each run's start, less the pixels of the runs before it, plus a running number
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    columns_first = np.repeat(starts - before, lengths) + np.arange(lengths.sum())
    column, row = np.divmod(columns_first, height)
    return np.sort(row * width + column)


def encode(mask: np.ndarray) -> str:
    """Run lengths of a bool mask (H, W); an empty mask gives an empty string. `decode` inverts it."""
    flat = np.concatenate([[0], np.asarray(mask, bool).T.ravel().astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    starts, ends = edges[0::2], edges[1::2]
    return " ".join(map(str, np.stack([starts + 1, ends - starts], axis=1).ravel()))


def read_rows(path: Path) -> dict[str, list[Row]]:
    """Rows of a solution table by image id, without those whose ``Usage`` is ``Ignored``.

    A row that repeats another of its image is left out, with a warning.

    Raises:
        InputError: another header, a row that is cut short, a size that is no number.
    """
    rows: dict[str, list[Row]] = {}
    seen: dict[tuple[str, str], int] = {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(path, f"no column {', '.join(missing)}", REMEDY)
            for fields in reader:
                row = _row(path, reader.line_num, fields)
                if row is None:
                    continue
                first = seen.setdefault((row.image_id, row.runs), row.line)
                if first != row.line:
                    print(f"Warning: {path}, row {row.line}, {row.image_id}: repeats row {first}; left out")
                else:
                    rows.setdefault(row.image_id, []).append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"no table: {error}", REMEDY) from None
    if not rows:
        raise InputError(path, "no row that is not ignored", REMEDY)
    return rows


def image_pixels(path: Path, rows: Sequence[Row], shape: tuple[int, int]) -> list[np.ndarray]:
    """Pixels (flat, row-major) of each nucleus of an image of ``shape`` (height, width)."""
    pixels = []
    for row in rows:
        where = f"{path}, row {row.line}, {row.image_id}"
        if (row.height, row.width) != shape:
            size = f"{row.width} x {row.height} px for an image of {shape[1]} x {shape[0]} px"
            raise InputError(where, f"mask of another size: {size}", REMEDY)
        pixels.append(decode(row.runs, shape, where))
    return pixels


def _row(path: Path, line: int, fields: dict[str, str | None]) -> Row | None:
    where = f"{path}, row {line}, {fields['ImageId']}"
    if any(fields[name] is None for name in COLUMNS) or not fields["ImageId"]:
        raise InputError(where, "row cut short", REMEDY)
    if fields["Usage"].strip().lower() == "ignored":
        return None
    try:
        height, width = int(fields["Height"]), int(fields["Width"])
    except ValueError:
        raise InputError(where, "height or width is no whole number", REMEDY) from None
    return Row(line, fields["ImageId"], fields["EncodedPixels"], height, width)
