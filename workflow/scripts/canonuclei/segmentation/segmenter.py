"""The API: a model that segments images."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data.reader import MAX_PIXELS, MIN_SIDE, RGB, Picture, picture_stem, read_picture, rescaled, to_rgb8
from ..data.source import source_of
from ..errors import InputError
from ..provenance import code_origin, processor, versions
from ..training.device import choose_device, has_bf16
from .assemble import assemble, check_threshold, counts_of
from .doubt import words
from .model import KEEP, MERGE_OVERLAP, Model, load_model
from .network import BATCH, find_candidates, runner
from .result import Segmentation
from .tiling import Grid, cut, limits_of, overlap_of
from .turns import disagreement
from .unlike import small_when_scaled

SCALES = 1 / 16, 16.0


class Segmenter:
    """Segments images of any size with one model.

    Args:
        model: of ``load_model``; ``Segmenter.load`` reads one.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def load(cls, model: str | Path | None = None, threads: int | None = None) -> Segmenter:
        """Read a model.

        Args:
            model: ``model.safetensors`` of a canonical run, ``model.json`` beside; None: the embedded one.
            threads: of the network; None: all cores.

        Raises:
            InputError: missing, damaged, or no canonical model.
        """
        if threads:
            torch.set_num_threads(threads)
        return cls(load_model(model))

    def segment(
        self,
        image: str | Path | np.ndarray,
        *,
        channel: int | str | None = None,
        scale: float | None = None,
        diameter: float | None = None,
        threshold: float = 0.5,
        pixel_size: float | tuple[float, float] | None = None,
        doubt: bool = False,
        progress: bool = False,
    ) -> Segmentation:
        """Find the nuclei of an image; the same image and model give the same result.

        Args:
            image: a PNG, TIFF or OME-TIFF file, or an array (H, W) or (H, W, C) of uint8, uint16 or float.
            channel: number (from 0) or name of the one to look at; not needed for grey and RGB.
            scale: the network sees the image with its sides times this, 1/16 … 16; default: as its
                training images were (1, unless a laboratory's own were rescaled).
            diameter: in place of ``scale``: the nuclei's in px, brought to that of the training data.
            threshold: of p(s) · p(z), ``keep`` (0.05) … 1.
            pixel_size: height and width of a pixel in µm, or one for both; None: what the file tells.
            doubt: compare with flipped and turned images (``disagreement``), which takes eight times as long.
            progress: show a bar for large images.

        Raises:
            InputError: an image that cannot be read or used, or an argument out of its range.
        """
        self.check(threshold=threshold, scale=scale, diameter=diameter, pixel_size=pixel_size)
        start = time.perf_counter()
        picture = image_of(image, pixel_size)
        scale = self._scale(scale, diameter)
        _check_scaled(picture, scale)
        rgb = to_rgb8(picture, channel)
        seen = rescaled(rgb, scale)
        size = self.model.tile_size
        grid = Grid(*rgb.shape[:2], *seen.shape[:2], scale, size, overlap_of(size))
        metadata = self._metadata(picture, grid, channel, limits_of(seen, self.model.settings["input"]))
        metadata = {"name": metadata.pop("name"), **source_of(image, picture), **metadata}
        loaded = time.perf_counter()
        name = metadata["name"]
        candidates = find_candidates(self.model, seen, grid, name, KEEP, progress)
        done = time.perf_counter()
        metadata["seconds"] = {"reading": round(loaded - start, 3), "network": round(done - loaded, 3)}
        empty = np.zeros((0, 0), np.int32)
        shape = self.model.network.shape
        found = Segmentation(empty, None, candidates, shape, metadata, picture, rgb)
        found = assemble(found, threshold, self.model.fused)
        if doubt and len(found.nuclei):
            found.nuclei["disagreement"] = self._disagreement(found, grid, seen)
            known = found.nuclei.set_index("id")["disagreement"]
            found.candidates["disagreement"] = found.candidates["id"].map(known).astype(np.float64)
            found.nuclei["doubt"] = words(found.nuclei)
            found.metadata["counts"] = counts_of(found.nuclei)
        found.metadata["seconds"]["all"] = round(time.perf_counter() - start, 3)
        return found

    def check(
        self,
        *,
        threshold: float = 0.5,
        scale: float | None = None,
        diameter: float | None = None,
        pixel_size: float | tuple[float, float] | None = None,
    ) -> None:
        """What ``segment`` checks of its arguments before it looks at an image.

        Raises:
            InputError: an argument out of its range.
        """
        check_threshold(threshold, KEEP)
        self._scale(scale, diameter)
        _pair(pixel_size)

    def _disagreement(self, found: Segmentation, grid: Grid, seen: np.ndarray) -> np.ndarray:
        tiles = grid.tiles()
        batches = ((tiles.iloc[numbers], pixels) for numbers, pixels in cut(seen, grid, BATCH))
        predict = runner(self.model, limits_of(seen, self.model.settings["input"]))
        return disagreement(
            found.nuclei, batches, predict, found.shape, grid.frame_size, found.metadata["threshold"]
        )

    def _scale(self, scale: float | None, diameter: float | None) -> float:
        if scale is not None and diameter is not None:
            raise InputError("scale", "given beside a diameter", "give one of the two")
        if diameter is not None:
            if not diameter > 0:
                raise InputError(
                    "diameter", f"{diameter:g} is not more than 0", "give it in pixels of the image"
                )
            scale = self.model.diameter / diameter
        scale = self.model.scale if scale is None else float(scale)
        if not SCALES[0] <= scale <= SCALES[1]:
            problem = f"{scale:g} is not from {SCALES[0]:g} to {SCALES[1]:g}"
            raise InputError("scale", problem, "1 leaves the image as it is; see also diameter")
        return scale

    def _metadata(
        self, picture: Picture, grid: Grid, channel: int | str | None, limits: np.ndarray
    ) -> dict[str, Any]:
        model, device = self.model, choose_device()
        told = {
            key: model.described.get(key)
            for key in ("run", "label", "encoder", "supervision", "seed", "steps", "revision", "code")
        }
        return {
            "name": picture_stem(picture.path),
            "image_shape": [grid.height, grid.width],
            "channels": list(picture.channels),
            "channel": channel,
            "pixel_size": None if picture.pixel_size is None else list(picture.pixel_size),
            "scale": grid.scale,
            "scaled_size": [grid.scaled_height, grid.scaled_width],
            "keep": KEEP,
            "merge_overlap": MERGE_OVERLAP,
            "tile_size": grid.size,
            "tile_overlap": grid.overlap,
            "guaranteed_whole_diameter_px": grid.whole_diameter,
            "normalization": {**model.settings["input"], "limits": limits[0].tolist()},
            "model": {"file": model.path.name, "sha256": model.digest, **told},
            "device": device.type,
            "bf16": has_bf16(device),
            "threads": torch.get_num_threads(),
            "processor": processor(),
            **code_origin(),
            "versions": versions("torch", "numpy", "scikit-image", "tifffile"),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "training_data": model.described.get("training_data"),
            "notes": [*picture.notes, *small_when_scaled(grid, model.scale, model.diameter)],
            "warnings": [],
        }


def image_of(
    image: str | Path | np.ndarray, pixel_size: float | tuple[float, float] | None = None
) -> Picture:
    """A picture of a file or an array, with the pixel size that was given, if one was.

    Raises:
        InputError: as ``read_picture``; an array of another shape or type, too small, or with NaN.
    """
    picture = _of_array(np.asarray(image)) if not isinstance(image, str | Path) else read_picture(image)
    pair = _pair(pixel_size)
    return picture if pair is None else replace(picture, pixel_size=pair)


def _pair(pixel_size: float | tuple[float, float] | None) -> tuple[float, float] | None:
    if pixel_size is None:
        return None
    pair = np.broadcast_to(np.asarray(pixel_size, np.float64), 2)
    if not (np.isfinite(pair) & (pair > 0)).all():
        raise InputError("pixel_size", f"{pixel_size} is not more than 0", "give micrometres a pixel")
    return float(pair[0]), float(pair[1])


def _check_scaled(picture: Picture, scale: float) -> None:
    height, width = (max(1, round(side * scale)) for side in picture.pixels.shape[:2])
    if height * width > MAX_PIXELS:
        problem = f"{width} x {height} px when its sides are taken times {scale:g}, more than {MAX_PIXELS}"
        remedy = "choose a smaller scale (a larger diameter), or cut the image into pieces"
        raise InputError(picture.path, problem, remedy)


def _of_array(array: np.ndarray) -> Picture:
    remedy = "give (H, W) or (H, W, C), uint8, uint16 or float"
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3:
        raise InputError("array", f"{array.ndim} dimensions", remedy)
    if min(pixels.shape[:2]) < MIN_SIDE:
        size = f"{pixels.shape[1]} x {pixels.shape[0]} px is too small"
        raise InputError("array", size, f"at least {MIN_SIDE} px a side")
    if pixels.dtype.kind == "f":
        pixels = pixels.astype(np.float32, copy=False)
        if not np.isfinite(pixels).all():
            raise InputError("array", "NaN or infinite pixels", "set these pixels to a number")
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise InputError("array", f"type {pixels.dtype}", remedy)
    names = RGB if pixels.shape[2] == 3 else ("",) * pixels.shape[2]
    return Picture(pixels, names, None, Path("array"))
