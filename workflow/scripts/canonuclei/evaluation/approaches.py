"""From a run's predictions to its rows of scores: which approaches a run stands for, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from ..errors import InputError
from ..nuclei.fused import FusedShape
from ..nuclei.rle_file import read_rle, tile_masks
from ..nuclei.rows import nuclei_masks
from ..nuclei.stitch import stitch, stitch_masks, stitch_semantic
from ..nuclei.tables import read_nuclei, read_shape
from .frames import Frame, image_frames, read_table, score, tile_frames
from .matching import drop_empty, labels_to_sparse, masks_to_sparse
from .scores import score_table
from .watershed import components, distance_watershed

Row = dict[str, object]
# What follows a run's name in its files of predictions; the longer first
ENDINGS = ("whole.rle.json.gz", "grid32.rle.json.gz", "rle.json.gz", "whole.csv.gz", "csv.gz", "shape.json")


def score_run(
    files: Sequence[str | Path], tiles: str | Path, whole: str | Path, distance: int
) -> pd.DataFrame:
    """Scores of one run, over tiles and over whole images.

    Args:
        files: a canonical run's ``<run>.csv.gz``, ``<run>.whole.csv.gz``, ``<run>.shape.json`` and, if
            there, ``<run>.grid32.rle.json.gz``; of another run ``<run>.rle.json.gz`` and
            ``<run>.whole.rle.json.gz``.
        tiles: folder of the set ``test``.
        whole: folder of the set ``whole``.
        distance: px between the markers of +WS.

    Returns:
        The table of scores.
    """
    paths = _by_ending(files)
    if "shape.json" in paths:
        rows = list(canonical_rows(paths, tiles, whole))
    else:
        rows = list(rival_rows(paths["rle.json.gz"], paths["whole.rle.json.gz"], tiles, whole, distance))
    return score_table(rows)


def canonical_rows(paths: dict[str, Path], tiles: str | Path, whole: str | Path) -> Iterator[Row]:
    """Rows of ``Ours`` and its like, by the grid that their masks were sampled on.

    The training grid over tiles, as its file names it (paper: 32); one point a pixel of the tile (128)
    without and with +P, over tiles and whole images. Where the two are the same, the finer alone.
    """
    shape, settings = read_shape(paths["shape.json"])
    fused, threshold, label = FusedShape(shape), settings["threshold"], settings["label"]
    keys = _run_keys(settings, paths["shape.json"])
    fine = keys | {"grid": _whole_number(settings, "tile_size", paths["shape.json"])}
    frames = tile_frames(tiles)
    by_tile = _by_tile(_read_nuclei_of(paths["csv.gz"], tiles))
    for merged, approach in ((False, label), (True, f"{label}+P")):
        for frame in frames:
            rows = by_tile(frame.image, frame.tile_y, frame.tile_x)
            masks = nuclei_masks(rows, fused, threshold, merged)[0]
            yield fine | {"approach": approach} | score(frame, masks_to_sparse(frame.crop(masks)))
    if "grid32.rle.json.gz" in paths:
        yield from _coarse_rows(paths["grid32.rle.json.gz"], frames, fine | {"approach": label})
    nuclei, table = _read_nuclei_of(paths["whole.csv.gz"], whole), read_table(whole)
    for frame in image_frames(tiles):
        own = nuclei[nuclei["image"] == frame.image], table[table["image_id"] == frame.image]
        for merged, approach in ((False, label), (True, f"{label}+P")):
            stitched = stitch(*own, fused, threshold, merged)
            yield fine | {"approach": approach} | score(frame, drop_empty(csr_array(stitched.masks)))


def _coarse_rows(path: Path, frames: list[Frame], keys: Row) -> Iterator[Row]:
    """Rows of a canonical run's masks on its training grid; none where that is the grid of ``keys``."""
    document = read_rle(path)
    grid = _whole_number(document, "grid", path)
    if grid == keys["grid"]:
        return
    for frame, mask, masks, _ in _with_masks(path, frames, document):
        yield keys | {"grid": grid} | score(frame, masks_to_sparse(frame.crop(masks)), frame.crop(mask))


def rival_rows(
    path: Path, whole_path: Path, tiles: str | Path, whole: str | Path, distance: int
) -> Iterator[Row]:
    """Rows of a model that gives masks: plain, +CC and +WS of a semantic one; instances of Mask R-CNN."""
    document = read_rle(path)
    keys, label = _run_keys(document, path), document["label"]
    semantic = document["model"] != "maskrcnn"
    methods = _semantic_methods(document, distance)
    for frame, mask, masks, _ in _with_masks(path, tile_frames(tiles), document):
        if not semantic:
            yield keys | {"approach": label} | score(frame, masks_to_sparse(frame.crop(masks)))
        for approach, method in methods.items():
            # Instances are found in the whole tile that the model saw, then clipped to the cell
            found = None if method is None else labels_to_sparse(frame.crop(method(mask)))
            yield keys | {"approach": approach} | score(frame, found, frame.crop(mask))
    table, entries = read_table(whole), _entries(whole_path, read_rle(whole_path))
    for frame in image_frames(tiles):
        rows = table[table["image_id"] == frame.image]
        parts = [entries(frame.image, row.tile_y, row.tile_x) for row in rows.itertuples()]
        if not semantic:
            records = zip(rows.to_dict("records"), parts, strict=True)
            stitched = stitch_masks([(row, masks, scores) for row, (_, masks, scores) in records])
            yield keys | {"approach": label} | score(frame, drop_empty(csr_array(stitched.masks)))
            continue
        mask = stitch_semantic(rows, np.array([mask for mask, _, _ in parts]))
        for approach, method in methods.items():
            found = None if method is None else labels_to_sparse(method(mask))
            yield keys | {"approach": approach} | score(frame, found, mask)


def _semantic_methods(document: dict, distance: int) -> dict[str, Callable[[np.ndarray], np.ndarray] | None]:
    """Approach → how instances are found in the binary mask; None is the plain row of pixels."""
    if document["model"] == "maskrcnn":
        return {}
    label = document["label"]
    # The plain pixel row is the paper's DeepLabV3; for the semantic network any of its rows has it
    plain = {label: None} if document["model"] == "deeplabv3" else {}
    return plain | {
        f"{label}+CC": components,
        f"{label}+WS": lambda mask: distance_watershed(mask, distance),
    }


def _run_keys(settings: dict, path: Path) -> Row:
    """The columns that say which run it is; ``supervision`` is told by the file, or by its model."""
    try:
        told = settings.get("supervision")
        model = settings.get("model", "canonical")
        if told is None and model == "canonical":
            told = "masks+counts" if float(settings["alpha"]) > 0 else "masks"
        told = told or ("instances" if model == "maskrcnn" else "masks")
        return {"supervision": told, "encoder": settings["encoder"], "seed": settings["seed"]}
    except KeyError as error:
        raise InputError(path, f"lacks {error}", "predict again: rule `predict`") from None


def _whole_number(settings: dict, key: str, path: Path) -> int:
    try:
        return int(settings[key])
    except (KeyError, TypeError, ValueError):
        raise InputError(path, f"tells no {key}", "predict again: rule `predict`") from None


def _read_nuclei_of(path: Path, tiles: str | Path) -> pd.DataFrame:
    """A table of nuclei, all of which lie in tiles of the folder ``tiles``."""
    nuclei, table = read_nuclei(path), read_table(tiles)
    known = set(zip(table["image_id"], table["tile_y"], table["tile_x"], strict=True))
    for place in set(zip(nuclei["image"], nuclei["tile_y"], nuclei["tile_x"], strict=True)) - known:
        problem = f"has nuclei in tile {place[1]}, {place[2]} of image {place[0]}, which {tiles} lacks"
        raise InputError(path, problem, "predict again, or cut the tiles of the same images")
    return nuclei


def _by_tile(nuclei: pd.DataFrame) -> Callable[[str, int, int], pd.DataFrame]:
    groups = dict(tuple(nuclei.groupby(["image", "tile_y", "tile_x"], sort=False)))
    nothing = nuclei.iloc[:0]
    return lambda image, y, x: groups.get((image, y, x), nothing)


def _entries(
    path: Path, document: dict
) -> Callable[[str, int, int], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Look up a tile's mask, instances and scores in a file of run lengths, read as ``document``."""
    tiles = {(tile["image"], tile["tile_y"], tile["tile_x"]): tile for tile in document["tiles"]}

    def look_up(image: str, y: int, x: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if (image, y, x) not in tiles:
            raise InputError(path, f"lacks tile {y}, {x} of image {image}", "predict again: rule `predict`")
        return tile_masks(tiles[image, y, x], document["tile_size"])

    return look_up


def _with_masks(
    path: Path, frames: list[Frame], document: dict
) -> Iterator[tuple[Frame, np.ndarray, np.ndarray, np.ndarray]]:
    """Each frame with its mask, instances and scores from a file of run lengths."""
    entries = _entries(path, document)
    for frame in frames:
        yield frame, *entries(frame.image, frame.tile_y, frame.tile_x)


def ending_of(file: Path) -> str | None:
    """Which of ``ENDINGS`` a file has; None if it is none of predictions."""
    return next((ending for ending in ENDINGS if file.name.endswith(f".{ending}")), None)


def _by_ending(files: Sequence[str | Path]) -> dict[str, Path]:
    """Files of one run by what follows its name: ``csv.gz``, ``whole.csv.gz`` …"""
    found: dict[str, Path] = {}
    for file in map(Path, files):
        if (ending := ending_of(file)) is None:
            raise InputError(file, "not a file of predictions", "give the files that rule `predict` makes")
        found[ending] = file
    needed = ("csv.gz", "whole.csv.gz") if "shape.json" in found else ("rle.json.gz", "whole.rle.json.gz")
    for ending in needed:
        if ending not in found:
            raise InputError(f"*.{ending}", "missing among the predictions", "predict again: rule `predict`")
    return found
