"""The page from the files that segmenting wrote, long after the network is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ..data.reader import read_picture, to_rgb8
from ..errors import InputError
from ..files import read_json
from ..models.shape import ShapeMLP
from ..nuclei.tables import read_nuclei, read_shape
from .data import WORDS, ExplainedImage
from .page import write_explain

_REMEDY = "give a folder that canonuclei segment wrote"


def explain_folder(folder: str | Path) -> Path:
    """Write ``explain.html`` into a folder of results, from its files alone.

    Args:
        folder: of one image (with nuclei.csv), or of a set (folders of images, shape.json beside them).

    Returns:
        The page's path.

    Raises:
        InputError: no results there, or damaged ones.
    """
    folder = Path(folder)
    if (folder / "nuclei.csv").is_file():
        folders = [folder]
    else:
        folders = sorted(path.parent for path in folder.glob("*/nuclei.csv"))
    if not folders:
        raise InputError(folder, "holds no results (no nuclei.csv)", _REMEDY)
    shape, told = _shape_of(folders[0])
    read = [_page(one, told) for one in folders]
    path = folder / "explain.html"
    write_explain(path, [page for page, _ in read], shape, _about([metadata for _, metadata in read], told))
    return path


def with_candidates(nuclei: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """The nuclei (``kept`` 1) and below them the other candidates (``kept`` 0), as the page wants them.

    Args:
        nuclei: with ``id``, which is the candidate's.
        candidates: ``nuclei.rows.PARAMETERS``; columns that nuclei do not have are left out.
    """
    rest = candidates[~candidates["id"].isin(nuclei["id"])]
    rest = rest[[name for name in rest.columns if name in nuclei.columns]]
    rows = pd.concat([nuclei.assign(kept=1), rest.assign(kept=0)], ignore_index=True)
    return rows.astype({"kept": np.int64})


def _shape_of(folder: Path) -> tuple[ShapeMLP, dict[str, Any]]:
    for place in (folder, folder.parent):
        if (place / "shape.json").is_file():
            return read_shape(place / "shape.json")
    raise InputError(folder, "has no shape.json, nor the folder above it", _REMEDY)


def _page(folder: Path, told: dict[str, Any]) -> tuple[ExplainedImage, dict[str, Any]]:
    metadata = _json(folder / "metadata.json")
    nuclei = _table(folder / "nuclei.csv")
    if (folder / "candidates.csv.gz").is_file():
        nuclei = with_candidates(nuclei, read_nuclei(folder / "candidates.csv.gz"))
    image = metadata.get("image") or metadata.get("path") or folder.name
    rgb, notes = _picture(folder, Path(str(image)), metadata)
    size = metadata.get("pixel_size")
    warnings = list(metadata.get("warnings") or [])
    return ExplainedImage(Path(str(image)).name, rgb, nuclei, warnings, size and tuple(size), notes), metadata


def _picture(folder: Path, image: Path, metadata: dict[str, Any]) -> tuple[np.ndarray, list[str]]:
    """The image, or the overlay that was drawn on it, or a black ground: and what was done."""
    labels = folder / "labels.tif"
    shape = metadata.get("image_shape") or metadata.get("shape")
    for path in (image, folder / image):
        if not path.is_file():
            continue
        try:
            rgb = to_rgb8(read_picture(path), metadata.get("channel"))
        except InputError as error:
            return _overlay(folder, labels, shape, f"The image could not be read again ({error.problem})")
        return rgb, []
    return _overlay(folder, labels, shape, "The image is no longer where it was")


def _overlay(folder: Path, labels: Path, shape: object, why: str) -> tuple[np.ndarray, list[str]]:
    overlay = folder / "overlay.png"
    size = _size(labels, shape)
    if overlay.is_file():
        with Image.open(overlay) as opened:
            drawn = opened.convert("RGB")
        if size and (drawn.height, drawn.width) != size:
            drawn = drawn.resize(size[::-1])
        return np.asarray(drawn), [f"{why}: the overlay picture stands in, with outlines already on it."]
    if size is None:
        raise InputError(
            folder, f"{why.lower()}, and there is no overlay.png", "bring the image back, or segment again"
        )
    return np.zeros((*size, 3), np.uint8), [f"{why}: outlines are drawn on black."]


def _size(labels: Path, shape: object) -> tuple[int, int] | None:
    if isinstance(shape, (list, tuple)) and len(shape) >= 2:
        return int(shape[0]), int(shape[1])
    if not labels.is_file():
        return None
    with Image.open(labels) as opened:
        return opened.height, opened.width


def _about(metadata: list[dict[str, Any]], told: dict[str, Any]) -> dict[str, Any]:
    """What all images' metadata agree on."""
    first = {**{key: value for key, value in told.items() if key != "weights"}, **metadata[0]}
    own = ("image", "path", "warnings", "shape", "image_shape", "pixel_size")
    alike = {
        key: value
        for key, value in first.items()
        if key not in own and all(one.get(key, value) == value for one in metadata)
    }
    # thresholds that differ between images cannot share one slider: the first image's is taken
    return {**alike, "threshold": first.get("threshold", 0.5), "keep": first.get("keep", 0.05)}


def _table(path: Path) -> pd.DataFrame:
    try:
        # ids joined by ";" look like numbers where there is one
        return pd.read_csv(path, dtype=dict.fromkeys(WORDS, str))
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(path, f"is no table: {str(error).splitlines()[0]}", _REMEDY) from None


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InputError(path, "is no JSON", _REMEDY) from None
