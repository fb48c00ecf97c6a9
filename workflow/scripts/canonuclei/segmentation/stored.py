"""Segmentations back from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from ..data.reader import to_rgb8
from ..data.source import read_again
from ..errors import InputError
from ..files import read_json
from ..nuclei.gzip_text import first_line
from ..nuclei.tables import read_nuclei, read_shape
from .assemble import grid_of
from .outputs import settled
from .result import Segmentation

ABSENT = "the image was not at hand"
_REMEDY = "segment the image again"
_NEEDED = (
    *("name", "image", "image_sha256", "image_shape", "channels", "channel", "pixel_size", "scale", "keep"),
    *("scaled_size", "tile_size", "tile_overlap", "merge_overlap", "normalization", "model", "versions"),
    *("training_data", "notes", "warnings", "threshold", "counts"),
)


def result_folders(folder: Path) -> list[Path]:
    """The folder itself where it holds an image's results, else those in it that do, by name.

    Raises:
        InputError: none at all.
    """
    if (settled(folder) / "metadata.json").is_file():
        return [folder]
    folders = sorted(path.parent for path in folder.glob("*/metadata.json"))
    if not folders:
        problem = "no segmentation in it (no metadata.json)"
        raise InputError(folder, problem, "name a folder that canonuclei segment wrote")
    return folders


def read_segmentation(folder: str | Path, picture: bool = True) -> Segmentation:
    """A segmentation from its files.

    Args:
        folder: of one image.
        picture: read the image too, if it is still there; without it there are no intensities and no overlay.

    Raises:
        InputError: files that are missing, damaged, or of different models.
    """
    folder = Path(folder)
    found = read_candidates(folder, picture)
    try:
        found.labels = tifffile.imread(folder / "labels.tif")
        found.nuclei = pd.read_csv(folder / "nuclei.csv", dtype={"merged_from": str, "doubt": str})
        found.nuclei = found.nuclei.fillna({"merged_from": "", "doubt": ""})
    except (OSError, ValueError, KeyError, tifffile.TiffFileError) as error:
        raise InputError(folder, f"its labels.tif or nuclei.csv: {first_line(error)}", _REMEDY) from None
    return found


def read_candidates(folder: Path, picture: bool = True) -> Segmentation:
    """What ``assemble`` makes all the rest from: no labels and no nuclei yet; arguments as above."""
    metadata = read_metadata(folder)
    candidates = read_nuclei(folder / "candidates.csv.gz")
    shape, told = read_shape(folder / "shape.json")
    if told.get("model", {}).get("sha256") != metadata["model"]["sha256"]:
        raise InputError(folder / "shape.json", "of another model than the image's", _REMEDY)
    grid = grid_of(metadata)
    # nine digits in the file; the tiles' places are known exactly
    for name in ("y", "x"):
        known = np.array(grid.axis(name)[0]) * grid.step(name)
        place = np.searchsorted((known[1:] + known[:-1]) / 2, candidates[f"tile_{name}"].to_numpy())
        candidates[f"tile_{name}"] = known[place]
    candidates["tile_size"] = float(grid.frame_size)
    found = Segmentation(np.zeros((0, 0), np.int32), None, candidates, shape, metadata)
    if picture:
        _add_picture(found)
    return found


def read_metadata(folder: Path) -> dict[str, Any]:
    """The content of ``metadata.json``.

    Raises:
        InputError: it is missing, or damaged.
    """
    path = settled(folder) / "metadata.json"
    try:
        metadata = read_json(path)
        missing = [key for key in _NEEDED if key not in metadata]
    except FileNotFoundError:
        raise InputError(path, "missing", _REMEDY) from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(path, f"damaged: {first_line(error)}", _REMEDY) from None
    if missing:
        raise InputError(path, f"does not tell {missing[0]}", _REMEDY)
    return metadata


def _add_picture(found: Segmentation) -> None:
    metadata = found.metadata
    try:
        found.picture = read_again(metadata)
        found.rgb = to_rgb8(found.picture, metadata["channel"])
    except InputError as error:
        found.picture = None
        others = [told for told in metadata["warnings"] if not told.startswith(ABSENT)]
        metadata["warnings"] = [*others, f"{ABSENT} for intensities and overlay: {error.problem}"]
