"""Which images are segmented, by which model, and where their results go.

Needs neither NumPy nor torch, for the workflow itself asks where it plans.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..data.listing import picture_files, picture_stem
from ..errors import InputError

DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "default.safetensors"


def images_of(places: Iterable[str | Path]) -> list[Path]:
    """Files as they are, and the images in folders; in order, each once.

    Raises:
        InputError: no image at all, or two whose results would lie in the same folder.
    """
    found: dict[Path, None] = {}
    for place in map(Path, places):
        found |= dict.fromkeys(picture_files(place) if place.is_dir() else [place])
    if not found:
        raise InputError("images", "none given", "name image files or folders of them")
    stems: dict[str, Path] = {}
    for path in found:
        other = stems.setdefault(picture_stem(path), path)
        if other != path:
            problem = f"has the same name as {other}"
            raise InputError(path, problem, "results are called after the name: rename one, or use two calls")
    return list(found)


def output_of(images: str | Path | None, output: str | Path | None) -> str:
    """The folder of results: as given, else ``results/segment/<name of the images' folder>``."""
    if output:
        return str(output)
    return f"results/segment/{picture_stem(Path(images).resolve()) if images else 'none'}"
