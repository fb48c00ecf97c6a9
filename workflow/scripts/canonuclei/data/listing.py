"""Which files of a folder are images, and which mask belongs to which image, by their names alone.

Needs neither NumPy nor an image library, for the workflow itself asks `listed_files` where it plans.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError

SUFFIXES = (".png", ".tif", ".tiff")
# What people and programs put behind an image's name for its mask
ENDING = re.compile(r"[ _.-](masks?|labels?|seg)$", re.IGNORECASE)
# Not files: what `data.counts` may say instead
COUNTED = (None, "components", "labels")


def picture_files(folder: str | Path) -> list[Path]:
    """The PNG and TIFF files in a folder (not below it, no hidden ones), sorted by name.

    Raises:
        InputError: no such folder, none of these files in it, or two whose names differ in the suffix only.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "name a folder with PNG or TIFF images")
    try:
        # the entries tell what they are, where a folder of 100,000 would be asked for each of its files
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if _is_picture(entry))
    except OSError as error:
        problem = f"cannot be listed: {error.strerror}"
        raise InputError(folder, problem, "see to its permissions, or copy it") from None
    files = [folder / name for name in names]
    if not files:
        remedy = "put PNG, TIFF or OME-TIFF images into it; folders in it are not searched"
        raise InputError(folder, "no image in this folder", remedy)
    seen: dict[str, Path] = {}
    for path in files:
        other = seen.setdefault(picture_stem(path), path)
        if other is not path:
            problem = f"{other.name} and {path.name} have the same name but for the suffix"
            raise InputError(folder, problem, "rename one: results are called after the name without suffix")
    return files


def _is_picture(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    return not name.startswith(".") and name.lower().endswith(SUFFIXES) and entry.is_file()


def picture_stem(path: str | Path) -> str:
    """A file's name without .png, .tif, .tiff or .ome.tif, in Unicode's composed form (as macOS has not)."""
    name = unicodedata.normalize("NFC", printable(Path(path).name))
    stem = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name
    return stem[:-4] if stem.lower().endswith(".ome") and stem != name else stem


def printable(name: str) -> str:
    r"""A name with ``\udce4`` in words where its bytes are no UTF-8, since no text file would take it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def listed_files(settings: Mapping[str, Any]) -> list[str]:
    """All files of a data set of one's own, a workflow's inputs; settings as of `folder.open_source`."""
    pairs = matched(settings["images"], settings["masks"])
    files = [str(path) for pair in pairs.values() for path in pair]
    return without_braces(files + [str(settings["counts"])] * (settings["counts"] not in COUNTED))


def without_braces(paths: Iterable[str]) -> list[str]:
    """The paths as they are.

    Raises:
        InputError: one has braces, which the workflow would take for a pattern.
    """
    paths = list(paths)
    for path in paths:
        if "{" in path or "}" in path:
            raise InputError(path, "braces in the name of a file or folder", "rename it without { and }")
    return paths


def matched(images: str | Path, masks: str | Path) -> dict[str, tuple[Path, Path]]:
    """Image and mask file by the image's stem: a mask has its name, or that with _mask (-label, ...) behind.

    Both may be one folder; then only files with such an ending are masks.

    Raises:
        InputError: images without a mask, masks without an image, or two masks for an image.
    """
    pictures, drawn = picture_files(images), picture_files(masks)
    if Path(images).resolve() == Path(masks).resolve():
        drawn = [path for path in pictures if ENDING.search(picture_stem(path))]
        pictures = [path for path in pictures if path not in drawn]
    stems = {picture_stem(path): path for path in pictures}
    found: dict[str, Path] = {}
    strangers = []
    for path in drawn:
        stem = picture_stem(path)
        stem = stem if stem in stems else ENDING.sub("", stem)
        if stem not in stems:
            strangers.append(path.name)
        elif stem in found:
            problem = f"two masks for the image {stem}: {found[stem].name} and {path.name}"
            raise InputError(masks, problem, "remove one of them")
        else:
            found[stem] = path
    remedy = "give mask and image the same name (a.tif and a.png, or a_mask.png)"
    if missing := [path.name for stem, path in stems.items() if stem not in found]:
        raise InputError(masks, f"no mask for {some(missing)}", remedy)
    if strangers:
        raise InputError(masks, f"masks without an image: {some(strangers)}", remedy)
    return {stem: (path, found[stem]) for stem, path in stems.items()}


def some(names: Iterable[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
