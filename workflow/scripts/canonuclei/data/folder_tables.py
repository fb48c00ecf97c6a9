"""The tables that a lab gives with its images, counts and split, and the split where it gives none."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import InputError
from ..words import many
from .listing import picture_stem, some

SIDES = ("train", "val", "test")
# Of the images, if nobody says otherwise; the rest trains
SHARE = 0.2
# Of an image: beyond, it is no count
MOST_NUCLEI = 10**8


def read_counts(path: str | Path, stems: Sequence[str]) -> dict[str, int]:
    """Counts by image stem from a CSV table ``image,count``; see `_read` for what is refused.

    Raises:
        InputError: besides, a count that is no whole number from 0 on.
    """
    counts = {}
    for stem, text in _read(path, "count", stems).items():
        try:
            # float() takes 1_0, and digits of other scripts
            number = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            number = math.nan
        where = f"{path}, {stem}"
        if not math.isfinite(number):
            raise InputError(
                where, f"count is {text!r}, not a number", "write how many nuclei are in the image"
            )
        if number < 0:
            raise InputError(where, f"count is {text}, below 0", "write how many nuclei are in the image")
        if number != int(number):
            raise InputError(where, f"count is {text}, not a whole number", "count cut nuclei as one each")
        if number > MOST_NUCLEI:
            raise InputError(where, f"count is {text}, more than {MOST_NUCLEI}", "mend the count")
        counts[stem] = int(number)
    return counts


def read_split(path: str | Path, stems: Sequence[str]) -> dict[str, str]:
    """Sides (train, val, test) by image stem from a CSV table ``image,split``; see `_read`.

    Raises:
        InputError: besides, another word for a side, or a side without an image.
    """
    sides = _read(path, "split", stems)
    for stem, side in sides.items():
        if side not in SIDES:
            raise InputError(f"{path}, {stem}", f"split is {side!r}", "write train, val or test")
    for side in SIDES:
        if side not in sides.values():
            raise InputError(
                path, f"no image for {side}", "name one: training needs val, and results need test"
            )
    return sides


def default_split(stems: Iterable[str], where: str | Path) -> dict[str, str]:
    """60 % train, 20 % val, 20 % test, at least one each, in the order of a hash of the name.

    The same names give the same split everywhere; more images may move some of them.

    Raises:
        InputError: fewer than three images.
    """
    order = sorted(stems, key=lambda stem: hashlib.sha256(stem.encode()).hexdigest())
    if len(order) < len(SIDES):
        problem = f"{many(len(order), 'image')}, but training, validation and test need one each"
        raise InputError(where, problem, "add images, or cut a large one into parts with their masks")
    held = max(1, round(SHARE * len(order)))
    sides = ["val"] * held + ["test"] * held
    return dict(zip(order, sides + ["train"] * (len(order) - len(sides)), strict=True))


def _read(path: str | Path, column: str, stems: Sequence[str]) -> dict[str, str]:
    """A column by image stem; images with or without suffix, comma or semicolon, with or without Excel's BOM.

    Raises:
        InputError: no such file or column; an image that is not there, is missing, or is there twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = "missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        raise InputError(path, problem, f"give a CSV file (UTF-8) with the columns image,{column}") from None
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    try:
        # not splitlines(), which parts lines at characters that names of files may have
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        header, rows = list(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise InputError(path, f"no table: {error}", "save it as CSV (UTF-8) again") from None
    if header.count("image") != 1 or header.count(column) != 1:
        raise InputError(path, f"no columns image and {column}", f"begin the file with a line image,{column}")
    found: dict[str, str] = {}
    for row in rows:
        stem = picture_stem((row["image"] or "").strip())
        if not stem and not (row[column] or "").strip():
            continue
        if stem in found:
            raise InputError(f"{path}, {stem}", "the image is there twice", "remove one of the lines")
        found[stem] = (row[column] or "").strip()
    known = set(stems)
    if unknown := [stem for stem in found if stem not in known]:
        problem = f"no such image in the folder: {some(unknown)}"
        raise InputError(path, problem, "mend the names, or remove the lines")
    if missing := [stem for stem in stems if stem not in found]:
        raise InputError(path, f"no {column} for {some(missing)}", "add a line for each image")
    return found
