"""Which images are segmented, by which model, and where their results go.

Needs neither NumPy nor torch, for the workflow itself asks where it plans.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..data.listing import picture_files, picture_stem
from ..errors import InputError

# Names in the folder of results, or none of a folder's
TAKEN = ("", ".", "..", "counts.csv", "summary.csv", "shape.json", "explain.html", ".jobs")
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "default.safetensors"


def images_of(places: Iterable[str | Path]) -> list[Path]:
    """Files as they are, and the images in folders; in order, each once.

    Raises:
        InputError: no image at all, two whose results would lie in the same folder, or a name that no
            folder of results can have.
    """
    found: dict[Path, None] = {}
    for place in map(Path, places):
        found |= dict.fromkeys(picture_files(place) if place.is_dir() else [place])
    if not found:
        raise InputError("images", "none given", "name image files or folders of them")
    # one that is missing among others is a row of the summary, like any that cannot be read
    if not any(path.exists() for path in found):
        first = next(iter(found))
        raise InputError(first, "no such file or folder", "check the path")
    stems: dict[str, Path] = {}
    for path in found:
        if (stem := picture_stem(path)).lower() in TAKEN:
            problem = f"results are called after the name, and cannot be called {stem!r}"
            raise InputError(path, problem, "rename the file")
        other = stems.setdefault(stem, path)
        if other != path:
            problem = f"has the same name as {other}"
            raise InputError(path, problem, "results are called after the name: rename one, or use two calls")
    return list(found)


def output_of(images: str | Path | None, output: str | Path | None) -> str:
    """The folder of results: as given, else ``results/segment/<name of the images' folder>-<digest>``.

    The digest is of the folder's whole path: ``plate1/images`` and ``plate2/images`` are kept apart.
    """
    if output:
        return str(output)
    if not images:
        return "results/segment/none"
    place = Path(images).resolve()
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:6]
    return f"results/segment/{picture_stem(place)}-{digest}"


def make_output(folder: str | Path, images: Iterable[Path] = ()) -> None:
    """Make the folder of results, before hours go into what could not be written.

    Args:
        folder: of the results.
        images: what is to be segmented.

    Raises:
        InputError: it is a file, the images lie in it, or nothing can be written into it.
    """
    place = Path(folder).resolve()
    if any(path.resolve().parent == place for path in images):
        problem = "is the folder of the images: results and images would lie among each other"
        raise InputError(folder, problem, "name another folder for the output")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problem = f"cannot be a folder of results: {error.strerror}"
        raise InputError(folder, problem, "name another folder for the output") from None
