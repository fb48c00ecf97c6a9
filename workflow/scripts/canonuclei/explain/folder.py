"""The page from the files that segmenting wrote, long after the network is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ..data.reader import to_rgb8
from ..data.source import read_again
from ..errors import InputError
from ..files import read_json
from ..locks import alone
from ..models.shape import ShapeMLP
from ..nuclei.gzip_text import first_line
from ..nuclei.tables import read_nuclei, read_shape
from ..segmentation.outputs import settled
from ..segmentation.overlay import picture_height
from .data import WORDS, ExplainedImage
from .page import write_explain

# Of the metadata, what the page's foot does not tell, and what each image has for itself
NOT_TOLD = ("warnings", "notes", "image", "image_sha256", "seconds", "training_data")
_OWN = ("image_shape", "pixel_size")
_REMEDY = "give a folder that canonuclei segment wrote"


def explain_folder(folder: str | Path) -> Path:
    """Write ``explain.html`` into a folder of results, from its files alone.

    Args:
        folder: of one image (with metadata.json), or of a set (folders of images).

    Returns:
        The page's path.

    Raises:
        InputError: no results there, damaged ones, images segmented with different models, or a folder that
            cannot be written or that another process is at work in.
    """
    folder = Path(folder)
    single = (folder / "metadata.json").is_file()
    folders = [folder] if single else sorted(path.parent for path in folder.glob("*/metadata.json"))
    if not folders:
        raise InputError(folder, "holds no results (no metadata.json)", _REMEDY)
    with alone(folder, "another canonuclei"):
        metadata = [_json(settled(one) / "metadata.json") for one in folders]
        shape, told = _shape_of(folders, metadata)
        # one after the other: all images at once may not fit into the memory
        pages = map(_page, folders, metadata)
        path = folder / "explain.html"
        write_explain(path, pages, shape, _about(metadata, told), len(folders))
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


def _shape_of(folders: list[Path], metadata: list[dict[str, Any]]) -> tuple[ShapeMLP, dict[str, Any]]:
    """The one shape of all the images, whose nuclei would be drawn wrong by another."""
    first = None
    for folder, one in zip(folders, metadata, strict=True):
        shape, told = read_shape(folder / "shape.json")
        first = first or (shape, told)
        models = [(each.get("model") or {}).get("sha256") for each in (first[1], told, one)]
        if len(set(models)) > 1:
            problem = f"is of another model than {folders[0].name}, and one page has one shape"
            remedy = "segment all with one model, or call this for each image's folder"
            raise InputError(folder, problem, remedy)
        thresholds = [each.get("threshold", 0.5) for each in (metadata[0], one)]
        if len(set(thresholds)) > 1:
            other, own = thresholds
            problem = f"has threshold {own:g}, {folders[0].name} {other:g}, and one page has one slider"
            remedy = "rethreshold all to one, or call this for each image's folder"
            raise InputError(folder, problem, remedy)
    return first


def _page(folder: Path, metadata: dict[str, Any]) -> ExplainedImage:
    nuclei = _table(folder / "nuclei.csv")
    if (folder / "candidates.csv.gz").is_file():
        nuclei = with_candidates(nuclei, read_nuclei(folder / "candidates.csv.gz"))
    image = metadata.get("image") or folder.resolve().name
    rgb, notes = _picture(folder, metadata)
    size = metadata.get("pixel_size")
    warnings = list(metadata.get("warnings") or [])
    return ExplainedImage(Path(str(image)).name, rgb, nuclei, warnings, size and tuple(size), notes)


def _picture(folder: Path, metadata: dict[str, Any]) -> tuple[np.ndarray, list[str]]:
    """The image, or the overlay that was drawn on it, or a black ground: and what was done."""
    try:
        return to_rgb8(read_again(metadata), metadata.get("channel")), []
    except InputError as error:
        why = f"The image is not at hand ({error.problem})"
    return _overlay(folder, folder / "labels.tif", metadata.get("image_shape"), why)


def _overlay(folder: Path, labels: Path, shape: object, why: str) -> tuple[np.ndarray, list[str]]:
    overlay = folder / "overlay.png"
    size = _size(labels, shape)
    if overlay.is_file():
        with Image.open(overlay) as opened:
            drawn = opened.convert("RGB")
        if size:
            # without its legend
            drawn = drawn.crop((0, 0, drawn.width, min(drawn.height, picture_height(size))))
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
    alike = {
        key: value
        for key, value in first.items()
        if key not in (*NOT_TOLD, *_OWN) and all(one.get(key, value) == value for one in metadata)
    }
    return {**alike, "threshold": first.get("threshold", 0.5), "keep": first.get("keep", 0.05)}


def _table(path: Path) -> pd.DataFrame:
    try:
        # ids joined by ";" look like numbers where there is one
        return pd.read_csv(path, dtype=dict.fromkeys(WORDS, str))
    except FileNotFoundError:
        raise InputError(path, "missing", "segment the image again") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(path, f"is no table: {first_line(error)}", _REMEDY) from None


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InputError(path, "is no JSON", _REMEDY) from None
