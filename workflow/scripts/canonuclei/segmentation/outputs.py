"""The files of a segmentation."""

from __future__ import annotations

import os
import uuid
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..disk import disk_faults
from ..files import atomic_path, finish_replacing, remove_partial, replaced_together, write_json
from ..nuclei.tables import write_nuclei, write_shape
from .geojson import write_geojson
from .overlay import draw_overlay
from .result import Segmentation

# Of an image, in the order in which they are put in place: where metadata.json is, all are
FILES = (
    *("shape.json", "candidates.csv.gz", "labels.tif", "nuclei.csv", "nuclei.geojson", "overlay.png"),
    *("explain.html", "metadata.json"),
)
# In an image's folder: results of an earlier call, where the last one failed
EARLIER = "earlier"


def write_segmentation(
    found: Segmentation, folder: str | Path, explain: bool = False, ellipses: bool = False
) -> None:
    """Write the files of one image: all are made before the first takes the place of an older one.

    Args:
        found: the segmentation; without its picture there is no overlay.
        folder: made if need be. Of ``FILES``, those that are not made now are removed from it.
        explain: write explain.html too.
        ellipses: polygons of ellipses in nuclei.geojson, in place of outlines.
    """
    # a full disk, a kill or Ctrl-C leaves what was there
    with replaced_together(folder, FILES) as made:
        _write_files(found, made, ellipses)
        if explain:
            _write_explain(found, made)
        write_json(made / "metadata.json", found.metadata)
    _remove_earlier(Path(folder))


def settled(folder: Path) -> Path:
    """The folder of an image, after what a killed process had completed was put in place."""
    with disk_faults(folder):
        finish_replacing(folder, FILES)
    return folder


def set_aside(folder: str | Path) -> Path | None:
    """Move one image's files, of an earlier call, into ``EARLIER``: none is lost, none passes for a new one.

    Tables, pages and thresholds of all images look for folders that hold a metadata.json, and so pass it by.

    Returns:
        The folder they are in now; None where there were none.
    """
    folder = Path(folder)
    with suppress(OSError):
        finish_replacing(folder, FILES)
        remove_partial(folder)
    aside = folder / EARLIER
    for name in reversed(FILES):
        with suppress(OSError):
            if (folder / name).exists():
                aside.mkdir(exist_ok=True)
                os.replace(folder / name, aside / name)
    with suppress(OSError):
        folder.rmdir()  # made by this call, and empty
    return aside if aside.is_dir() else None


def _remove_earlier(folder: Path) -> None:
    """What was set aside, now that there are new results; nothing but what was put there."""
    with suppress(OSError):
        for name in FILES:
            (folder / EARLIER / name).unlink(missing_ok=True)
        (folder / EARLIER).rmdir()


def _write_files(found: Segmentation, folder: Path, ellipses: bool) -> None:
    metadata, threshold = found.metadata, found.metadata["threshold"]
    write_labels(folder / "labels.tif", found.labels, metadata["pixel_size"])
    with atomic_path(folder / "nuclei.csv") as path:
        found.nuclei.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")
    write_nuclei(folder / "candidates.csv.gz", found.candidates, parameters_only=True, also=["disagreement"])
    write_geojson(
        folder / "nuclei.geojson",
        # images of one name are many, and all arrays have the same
        f"{metadata['name']}/{metadata['image_sha256']}",
        found.nuclei,
        found.shape,
        threshold,
        found.labels.shape,
        found.unions,
        ellipses,
    )
    if found.rgb is not None:
        with atomic_path(folder / "overlay.png") as path:
            # shown as it is, also where the network saw it inverted
            limits = sorted(metadata["normalization"]["limits"])
            doubtful = found.nuclei.loc[found.nuclei["doubt"] != "", "id"].to_numpy()
            draw_overlay(found.rgb, found.labels, limits, doubtful).save(path)
    write_shape(folder / "shape.json", found.shape, _shape_settings(metadata))


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


def _shape_settings(metadata: dict[str, Any]) -> dict[str, Any]:
    settings = {key: metadata[key] for key in ("model", "tile_size", "merge_overlap", "versions")}
    normalization = {key: value for key, value in metadata["normalization"].items() if key != "limits"}
    return {**settings, "keep_presence": metadata["keep"], "normalization": normalization}


def _write_explain(found: Segmentation, folder: Path) -> None:
    from ..explain.data import ExplainedImage
    from ..explain.folder import NOT_TOLD, with_candidates
    from ..explain.page import write_explain

    metadata = found.metadata
    rgb, notes = found.rgb, []
    if rgb is None:
        rgb = np.zeros((*found.labels.shape, 3), np.uint8)
        notes = ["The image is not at hand: outlines on black."]
    size = metadata["pixel_size"]
    rows = with_candidates(found.nuclei, found.candidates)
    page = ExplainedImage(metadata["name"], rgb, rows, metadata["warnings"], size and tuple(size), notes)
    about = {key: value for key, value in metadata.items() if key not in NOT_TOLD}
    write_explain(folder / "explain.html", [page], found.shape, about)
