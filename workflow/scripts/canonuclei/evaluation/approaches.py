"""From a run's predictions to its rows of scores: which approaches a run stands for, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from ..errors import InputError
from ..nuclei.fused import FusedShape
from ..nuclei.rle_file import read_rle, tile_masks
from ..nuclei.stitch import stitch, stitch_masks, stitch_semantic
from ..nuclei.tables import read_nuclei, read_shape
from .frames import Frame, GroundTruth, read_table, score
from .instances import TileInstances
from .matching import drop_empty, labels_to_sparse, masks_to_sparse
from .predicted import Predicted, Predictions
from .scores import Row, Rows, score_images
from .watershed import components, distance_watershed

# What follows a run's name in its files of predictions; the longer first
ENDINGS = ("whole.rle.json.gz", "grid32.rle.json.gz", "rle.json.gz", "whole.csv.gz", "csv.gz", "shape.json")
AGAIN = "delete the run's files in nuclei/: the same command predicts it again"


def score_run(
    files: Sequence[str | Path],
    tiles: str | Path,
    whole: str | Path,
    distance: int,
    images: str | Path | None = None,
    processes: int = 1,
) -> pd.DataFrame:
    """Scores of one run, over tiles and over whole images.

    Args:
        files: a canonical run's ``<run>.csv.gz``, ``<run>.whole.csv.gz``, ``<run>.shape.json`` and, if
            there, ``<run>.grid32.rle.json.gz``; of another run ``<run>.rle.json.gz`` and
            ``<run>.whole.rle.json.gz``.
        tiles: folder of the set ``test``.
        whole: folder of the set ``whole``.
        distance: px between the markers of +WS.
        images: images.csv with the nuclei counted, for sets without instance labels.
        processes: that images are shared out to.

    Returns:
        The table of scores.
    """
    truth = GroundTruth(tiles, images)
    predicted = predictions_of(files, truth, whole, distance)

    def rows(image: str) -> Rows:
        for found in predicted(image):
            yield found.block, found.keys | score(found.frame, found.nuclei, found.mask)

    return score_images(rows, truth.images, processes)


def predictions_of(
    files: Sequence[str | Path], truth: GroundTruth, whole: str | Path, distance: int
) -> Predictions:
    """What a run predicts in an image, over tiles and over the whole of it, by all of its approaches.

    Args:
        files: of one run, as in ``score_run``.
        truth: of the set ``test``.
        whole: folder of the set ``whole``.
        distance: px between the markers of +WS.
    """
    paths = _by_ending(files)
    if "shape.json" in paths:
        return canonical_predictions(paths, truth, whole)
    return rival_predictions(paths["rle.json.gz"], paths["whole.rle.json.gz"], truth, whole, distance)


def canonical_predictions(paths: dict[str, Path], truth: GroundTruth, whole: str | Path) -> Predictions:
    """Those of ``Ours`` and its like, by the grid that their masks were sampled on.

    The training grid over tiles, as its file names it (paper: 32); one point a pixel of the tile (128)
    without and with +P, over tiles and whole images. Where the two are the same, the finer alone.
    """
    shape, settings = read_shape(paths["shape.json"])
    # proven here, before processes are forked
    fused = FusedShape.proven(shape)
    threshold, overlap, label = _told(settings, paths["shape.json"], "threshold", "merge_overlap", "label")
    keys = _run_keys(settings, paths["shape.json"])
    fine = keys | {"grid": _whole_number(settings, "tile_size", paths["shape.json"])}
    approaches = ((False, label), (True, f"{label}+P"))
    in_tiles = TileInstances(_read_nuclei_of(paths["csv.gz"], truth.folder), fused, threshold)
    coarse = _coarse_predictions(paths, fine | {"approach": label})
    of_whole = dict(tuple(_read_nuclei_of(paths["whole.csv.gz"], whole).groupby("image", sort=False)))
    nothing, whole_tiles = read_nuclei(paths["whole.csv.gz"]).iloc[:0], read_table(whole)

    def of_image(image: str) -> Iterator[Predicted]:
        frames = truth.tiles(image)
        for frame, *found in zip(frames, *in_tiles.of_frames(frames), strict=True):
            for block, (_, approach) in enumerate(approaches):
                yield Predicted(block, fine | {"approach": approach}, frame, found[block])
        for frame in frames if coarse else ():
            yield coarse(frame)
        frame, own = truth.whole(image), whole_tiles[whole_tiles["image_id"] == image]
        for merged, approach in approaches:
            stitched = stitch(of_whole.get(image, nothing), own, fused, threshold, merged, overlap=overlap)
            masks = drop_empty(csr_array(stitched.masks))
            yield Predicted(3, fine | {"approach": approach}, frame, masks)

    return of_image


def _coarse_predictions(paths: dict[str, Path], keys: Row) -> Callable[[Frame], Predicted] | None:
    """What gives a tile's masks on the training grid; None where ``keys`` has that grid."""
    if (path := paths.get("grid32.rle.json.gz")) is None:
        return None
    document = read_rle(path)
    grid, entries = _whole_number(document, "grid", path), _entries(path, document)
    if grid == keys["grid"]:
        return None

    def of_frame(frame: Frame) -> Predicted:
        mask, masks, _ = entries(frame.image, frame.tile_y, frame.tile_x)
        nuclei = masks_to_sparse(frame.crop(masks))
        return Predicted(2, keys | {"grid": grid}, frame, nuclei, frame.crop(mask))

    return of_frame


def rival_predictions(
    path: Path, whole_path: Path, truth: GroundTruth, whole: str | Path, distance: int
) -> Predictions:
    """Those of a model that gives masks.

    Plain, +CC and +WS of a semantic one; instances of Mask R-CNN.
    """
    document = read_rle(path)
    keys, (label, model) = _run_keys(document, path), _told(document, path, "label", "model")
    semantic = model != "maskrcnn"
    methods = _semantic_methods(label, model, distance) if semantic else {}
    entries, table = _entries(path, document), read_table(whole)
    whole_entries = _entries(whole_path, read_rle(whole_path))

    def of_image(image: str) -> Iterator[Predicted]:
        for frame in truth.tiles(image):
            mask, masks, _ = entries(image, frame.tile_y, frame.tile_x)
            if not semantic:
                yield Predicted(0, keys | {"approach": label}, frame, masks_to_sparse(frame.crop(masks)))
            for approach, method in methods.items():
                # Instances are found in the whole tile that the model saw, then clipped to the cell
                found = None if method is None else labels_to_sparse(frame.crop(method(mask)))
                yield Predicted(0, keys | {"approach": approach}, frame, found, frame.crop(mask))
        frame, rows = truth.whole(image), table[table["image_id"] == image]
        parts = [whole_entries(image, row.tile_y, row.tile_x) for row in rows.itertuples()]
        if not semantic:
            records = zip(rows.to_dict("records"), parts, strict=True)
            stitched = stitch_masks([(row, masks, scores) for row, (_, masks, scores) in records])
            yield Predicted(1, keys | {"approach": label}, frame, drop_empty(csr_array(stitched.masks)))
            return
        mask = stitch_semantic(rows, np.array([mask for mask, _, _ in parts]))
        for approach, method in methods.items():
            found = None if method is None else labels_to_sparse(method(mask))
            yield Predicted(1, keys | {"approach": approach}, frame, found, mask)

    return of_image


def _semantic_methods(
    label: str, model: str, distance: int
) -> dict[str, Callable[[np.ndarray], np.ndarray] | None]:
    """Approach → how instances are found in the binary mask; None is the plain row of pixels."""
    # The plain pixel row is the paper's DeepLabV3; for the semantic network any of its rows has it
    plain = {label: None} if model == "deeplabv3" else {}
    return plain | {
        f"{label}+CC": components,
        f"{label}+WS": lambda mask: distance_watershed(mask, distance),
    }


def _run_keys(settings: dict, path: Path) -> Row:
    """The columns that say which run it is; ``supervision`` is told by the file, or by its model."""
    told = settings.get("supervision")
    model = settings.get("model", "canonical")
    if told is None and model == "canonical":
        told = "masks+counts" if float(_told(settings, path, "alpha")[0]) > 0 else "masks"
    told = told or ("instances" if model == "maskrcnn" else "masks")
    encoder, seed = _told(settings, path, "encoder", "seed")
    return {"supervision": told, "encoder": encoder, "seed": seed}


def _told(settings: dict, path: Path, *keys: str) -> list[Any]:
    """What a file of predictions says of its run, by keys that it must have."""
    try:
        return [settings[key] for key in keys]
    except KeyError as error:
        raise InputError(path, f"lacks {error}", AGAIN) from None


def _whole_number(settings: dict, key: str, path: Path) -> int:
    try:
        return int(settings[key])
    except (KeyError, TypeError, ValueError):
        raise InputError(path, f"tells no {key}", AGAIN) from None


def _read_nuclei_of(path: Path, tiles: str | Path) -> pd.DataFrame:
    """A table of nuclei, all of which lie in tiles of the folder ``tiles``."""
    nuclei, table = read_nuclei(path), read_table(tiles)
    known = set(zip(table["image_id"], table["tile_y"], table["tile_x"], strict=True))
    for place in set(zip(nuclei["image"], nuclei["tile_y"], nuclei["tile_x"], strict=True)) - known:
        problem = f"has nuclei in tile {place[1]}, {place[2]} of image {place[0]}, which {tiles} lacks"
        raise InputError(path, problem, "predict again, or cut the tiles of the same images")
    return nuclei


def _entries(
    path: Path, document: dict
) -> Callable[[str, int, int], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Look up a tile's mask, instances and scores in a file of run lengths, read as ``document``."""
    tiles = {(tile["image"], tile["tile_y"], tile["tile_x"]): tile for tile in document["tiles"]}

    def look_up(image: str, y: int, x: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if (image, y, x) not in tiles:
            raise InputError(path, f"lacks tile {y}, {x} of image {image}", AGAIN)
        return tile_masks(tiles[image, y, x], document["tile_size"])

    return look_up


def ending_of(file: Path) -> str | None:
    """Which of ``ENDINGS`` a file has; None if it is none of predictions."""
    return next((ending for ending in ENDINGS if file.name.endswith(f".{ending}")), None)


def _by_ending(files: Sequence[str | Path]) -> dict[str, Path]:
    """Files of one run by what follows its name: ``csv.gz``, ``whole.csv.gz`` …"""
    found: dict[str, Path] = {}
    for file in map(Path, files):
        if (ending := ending_of(file)) is None:
            raise InputError(file, "not a file of predictions", "give the files of results/<dataset>/nuclei")
        found[ending] = file
    run = next((file.name.removesuffix(f".{ending}") for ending, file in found.items()), "*")
    needed = ("csv.gz", "whole.csv.gz") if "shape.json" in found else ("rle.json.gz", "whole.rle.json.gz")
    for ending in needed:
        if ending not in found:
            raise InputError(f"{run}.{ending}", "missing among the predictions", AGAIN)
    return found
