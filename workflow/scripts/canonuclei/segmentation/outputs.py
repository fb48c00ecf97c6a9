"""The files of a segmentation, and back from them."""

from __future__ import annotations

import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from ..errors import InputError
from ..files import atomic_path, read_json, write_json
from ..nuclei.tables import read_nuclei, read_shape, write_nuclei, write_shape
from .assemble import assemble, grid_of
from .geojson import write_geojson
from .overlay import draw_overlay
from .result import Segmentation

_REMEDY = "segment the image again"
COUNTS = "counts.csv"
_COUNTED = ("image", "count", "merged", "touching_border", "doubtful", "threshold", "scale")


def write_segmentation(
    found: Segmentation, folder: str | Path, explain: bool = False, ellipses: bool = False
) -> None:
    """Write the files of one image; metadata.json comes last, so that where it is, all are.

    Args:
        found: the segmentation; without its picture there is no overlay.
        folder: made if need be; ``shape.json`` goes into the folder above it.
        explain: write explain.html too.
        ellipses: polygons of ellipses in nuclei.geojson, in place of outlines.
    """
    folder = Path(folder)
    (folder / "metadata.json").unlink(missing_ok=True)
    metadata, threshold = found.metadata, found.metadata["threshold"]
    write_labels(folder / "labels.tif", found.labels, metadata["pixel_size"])
    with atomic_path(folder / "nuclei.csv") as path:
        found.nuclei.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")
    write_nuclei(folder / "candidates.csv.gz", found.candidates, parameters_only=True)
    write_geojson(
        folder / "nuclei.geojson",
        metadata["name"],
        found.nuclei,
        found.shape,
        threshold,
        found.labels.shape,
        found.unions,
        ellipses,
    )
    if found.rgb is not None:
        with atomic_path(folder / "overlay.png") as path:
            limits = metadata["normalization"]["limits"]
            draw_overlay(found.rgb, found.labels, limits).save(path)
    write_shape(folder.parent / "shape.json", found.shape, _shape_settings(metadata))
    if explain:
        _write_explain(found, folder)
    else:
        (folder / "explain.html").unlink(missing_ok=True)
    write_json(folder / "metadata.json", metadata)


def write_labels(path: Path, labels: np.ndarray, pixel_size: list[float] | None) -> None:
    """A label image as compressed OME-TIFF, int32, with the pixel size (µm, height and width) where known."""
    # a UUID of the content, so that the same labels give the same file
    metadata: dict[str, Any] = {
        "axes": "YX",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{zlib.crc32(labels)}")),
    }
    resolution: dict[str, Any] = {}
    if pixel_size is not None:
        y, x = pixel_size
        metadata |= {
            "PhysicalSizeX": x,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": y,
            "PhysicalSizeYUnit": "µm",
        }
        resolution = {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"}
    with atomic_path(path) as temporary:
        tifffile.imwrite(temporary, labels, ome=True, compression="zlib", metadata=metadata, **resolution)


def read_segmentation(folder: str | Path, picture: bool = True) -> Segmentation:
    """A segmentation from its files.

    Args:
        folder: of one image.
        picture: read the image too, where it still is; without it there are no intensities and no overlay.

    Raises:
        InputError: files that are missing, damaged, or of different models.
    """
    folder = Path(folder)
    metadata = _metadata(folder)
    candidates = read_nuclei(folder / "candidates.csv.gz")
    shape, told = read_shape(folder.parent / "shape.json")
    if told.get("model", {}).get("sha256") != metadata["model"]["sha256"]:
        raise InputError(folder.parent / "shape.json", "of another model than the image's", _REMEDY)
    grid = grid_of(metadata)
    # nine digits in the file; the tiles' places are known exactly
    for name in ("y", "x"):
        known = np.array(grid.axis(name)[0]) * grid.step(name)
        place = np.searchsorted((known[1:] + known[:-1]) / 2, candidates[f"tile_{name}"].to_numpy())
        candidates[f"tile_{name}"] = known[place]
    candidates["tile_size"] = float(grid.frame_size)
    labels = tifffile.imread(folder / "labels.tif")
    nuclei = pd.read_csv(folder / "nuclei.csv", dtype={"merged_from": str, "doubt": str})
    nuclei[["merged_from", "doubt"]] = nuclei[["merged_from", "doubt"]].fillna("")
    found = Segmentation(labels, nuclei, candidates, shape, metadata)
    return _with_picture(found) if picture else found


def rethreshold(folder: str | Path, threshold: float) -> list[Path]:
    """Make the files of one image, or of a whole output folder, again at another threshold.

    From candidates and shape alone; the images are read for overlay and intensities where they still are.

    Args:
        folder: of an image, or of a batch.
        threshold: from the least p(z) that the candidates have, to 1.

    Returns:
        The images' folders.

    Raises:
        InputError: no segmentation there, damaged files, or a threshold out of its range.
    """
    folder = Path(folder)
    own = (folder / "metadata.json").is_file()
    folders = [folder] if own else sorted(path.parent for path in folder.glob("*/metadata.json"))
    if not folders:
        raise InputError(folder, "no segmentation in it", "name a folder that canonuclei segment wrote")
    for each in folders:
        found = read_segmentation(each)
        explained = (each / "explain.html").is_file()
        write_segmentation(assemble(found, threshold), each, explained)
    write_counts(folder.parent if own else folder)
    return folders


def write_counts(output: str | Path, names: set[str] | None = None) -> pd.DataFrame:
    """``counts.csv`` of all images (or those named) whose results lie in an output folder; returns it."""
    rows = []
    for path in sorted(Path(output).glob("*/metadata.json")):
        if names is not None and path.parent.name not in names:
            continue
        metadata = _metadata(path.parent)
        rows.append([metadata["name"], *(metadata["counts"][key] for key in _COUNTED[1:5])])
        rows[-1] += [metadata["threshold"], metadata["scale"]]
    table = pd.DataFrame(rows, columns=list(_COUNTED))
    with atomic_path(Path(output) / COUNTS) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")
    return table


def _metadata(folder: Path) -> dict[str, Any]:
    path = folder / "metadata.json"
    try:
        metadata = read_json(path)
        _ = (
            metadata["name"],
            metadata["threshold"],
            metadata["keep"],
            metadata["counts"],
            metadata["model"]["sha256"],
        )
    except FileNotFoundError:
        raise InputError(path, "missing", _REMEDY) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"damaged: {error}", _REMEDY) from None
    return metadata


def _with_picture(found: Segmentation) -> Segmentation:
    from ..data.reader import to_rgb8
    from .segmenter import image_of

    metadata = found.metadata
    try:
        found.picture = image_of(metadata["image"], metadata["pixel_size"])
        found.rgb = to_rgb8(found.picture, metadata["channel"])
    except InputError as error:
        problem = f"the image was not at hand for intensities and overlay: {error.problem}"
        metadata["warnings"] = [*metadata["warnings"], problem]
        found.picture = found.rgb = None
    if found.rgb is not None and list(found.rgb.shape[:2]) != metadata["image_shape"]:
        raise InputError(metadata["image"], "has another size than when it was segmented", _REMEDY)
    return found


def _shape_settings(metadata: dict[str, Any]) -> dict[str, Any]:
    settings = {key: metadata[key] for key in ("model", "tile_size", "merge_overlap", "versions")}
    normalization = {key: value for key, value in metadata["normalization"].items() if key != "limits"}
    return {**settings, "keep_presence": metadata["keep"], "normalization": normalization}


def _write_explain(found: Segmentation, folder: Path) -> None:
    from ..explain.data import ExplainedImage
    from ..explain.folder import with_candidates
    from ..explain.page import write_explain

    metadata = found.metadata
    rgb, notes = found.rgb, []
    if rgb is None:
        rgb = np.zeros((*found.labels.shape, 3), np.uint8)
        notes = ["The image is not at hand: outlines on black."]
    size = metadata["pixel_size"]
    rows = with_candidates(found.nuclei, found.candidates)
    page = ExplainedImage(metadata["name"], rgb, rows, metadata["warnings"], size and tuple(size), notes)
    about = {key: value for key, value in metadata.items() if key not in ("warnings", "image", "seconds")}
    write_explain(folder / "explain.html", [page], found.shape, about)
