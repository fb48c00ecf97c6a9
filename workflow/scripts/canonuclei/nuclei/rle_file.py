"""Masks as COCO run lengths: ``<run>.rle.json.gz``, the predictions of models that are not canonical."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from ..errors import InputError
from ..files import parse_json
from .gzip_text import first_line, read_gzip, write_gzip

FORMAT = "canonuclei-rle-1"
LARGEST_TILE = 4096  # px a side: every mask takes its square in memory
_REMEDY = "remove it and run the prediction again"


def encode_masks(masks: np.ndarray) -> list[str]:
    """Compressed COCO counts of (n, h, w) masks; non-zero is inside."""
    if not len(masks):
        return []
    columns = np.asfortranarray((np.asarray(masks) != 0).transpose(1, 2, 0), np.uint8)
    return [entry["counts"].decode("ascii") for entry in coco.encode(columns)]


def decode_masks(counts: list[str], height: int, width: int) -> np.ndarray:
    """(n, height, width) bool masks of compressed COCO counts.

    Raises:
        ValueError: counts that do not fill the mask exactly.
    """
    if not counts:
        return np.zeros((0, height, width), bool)
    for text in counts:
        # pycocotools writes past the mask on counts that are too long
        if sum(_run_lengths(text)) != height * width:
            raise ValueError(f"run lengths do not fill {height}×{width} pixels")
    entries = [{"size": [height, width], "counts": text.encode("ascii")} for text in counts]
    return np.ascontiguousarray(coco.decode(entries).transpose(2, 0, 1)).astype(bool)


def rle_tile(
    image: str,
    tile_y: int,
    tile_x: int,
    mask: np.ndarray,
    instances: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> dict[str, Any]:
    """One entry of "tiles".

    Args:
        image: image id.
        tile_y, tile_x: origin in the image.
        mask: (size, size) the tile's binary or composed mask.
        instances: (n, size, size), or None for a semantic model.
        scores: (n,).
    """
    values = [] if scores is None else np.asarray(scores, np.float64).tolist()
    return {
        "image": str(image),
        "tile_y": int(tile_y),
        "tile_x": int(tile_x),
        "mask": encode_masks(np.asarray(mask)[None])[0],
        "instances": [] if instances is None else encode_masks(instances),
        "scores": [float(f"{value:.9g}") for value in values],
    }


def write_rle(path: str | Path, tiles: list[dict[str, Any]], tile_size: int = 128, **header: Any) -> None:
    """Write a file of run lengths: the same content gives the same bytes.

    Args:
        path: ``*.rle.json.gz``; replaced as a whole.
        tiles: entries of ``rle_tile``.
        tile_size: pixels a side of every mask.
        header: run, variant, label, model, encoder, seed, grid.
    """
    document = {"format": FORMAT, **header, "tile_size": int(tile_size), "tiles": tiles}
    write_gzip(path, json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_rle(path: str | Path) -> dict[str, Any]:
    """The document as written; ``tile_masks`` decodes its entries.

    Raises:
        InputError: the file is missing, cut short, or not of this format.
    """
    text = read_gzip(path, _REMEDY)
    try:
        document = parse_json(text)
        if document["format"] != FORMAT:
            raise InputError(path, f"has the format {document['format']!r}, not {FORMAT!r}", _REMEDY)
        size = _whole(document["tile_size"])
        if not 1 <= size <= LARGEST_TILE:
            raise ValueError(f"a tile_size of {size} px")
        for tile in document["tiles"]:
            _check_tile(tile, size)
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        problem = f"lacks {error}" if isinstance(error, KeyError) else first_line(error)
        raise InputError(path, f"is no file of run lengths: {problem}", _REMEDY) from None
    return document


def tile_masks(tile: dict[str, Any], tile_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An entry's mask (size, size) bool, instances (n, size, size) bool and scores (n,) float64."""
    mask = decode_masks([tile["mask"]], tile_size, tile_size)[0]
    instances = decode_masks(tile["instances"], tile_size, tile_size)
    return mask, instances, np.asarray(tile["scores"], np.float64)


def _check_tile(tile: dict[str, Any], size: int) -> None:
    name = f"{tile['image']} at {_whole(tile['tile_y'])}, {_whole(tile['tile_x'])}"
    if not isinstance(tile["image"], str):
        raise ValueError(f"{name}: the image's id is no text")
    if not isinstance(tile["scores"], list) or not isinstance(tile["instances"], list):
        raise ValueError(f"{name}: scores and instances are no lists")
    if not all(isinstance(score, int | float) and math.isfinite(score) for score in tile["scores"]):
        raise ValueError(f"{name}: scores are no numbers")
    if len(tile["scores"]) != len(tile["instances"]):
        raise ValueError(f"{name}: as many scores as instances are needed")
    for text in (tile["mask"], *tile["instances"]):
        if sum(_run_lengths(text)) != size * size:
            raise ValueError(f"{name}: run lengths do not fill {size}×{size} pixels")


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{str(value)[:40]!r} is no whole number")
    return value


def _run_lengths(text: str) -> list[int]:
    """Run lengths of compressed counts (COCO's variable-length code of differences).

    Raises:
        ValueError: other characters, a cut code, or a negative run.
    """
    if not isinstance(text, str):
        raise ValueError("run lengths are no text")
    runs: list[int] = []
    value = shift = 0
    for byte in text.encode("ascii"):
        code = byte - 48
        if not 0 <= code < 64:
            raise ValueError("run lengths hold other characters than COCO's")
        value |= (code & 31) << shift
        shift += 5
        if shift > 40:
            raise ValueError("run lengths are larger than any mask")
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        if runs[-1] < 0:
            raise ValueError("run lengths are negative")
        value = shift = 0
    if shift:
        raise ValueError("run lengths are cut short")
    return runs
