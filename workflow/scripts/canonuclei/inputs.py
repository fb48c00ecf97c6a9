"""What a network sees of a tile: grey values brought to a common scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

# Networks get (x − 0.5) / 0.25 of x in about [0, 1]
MIDDLE, SPREAD = 0.5, 0.25


def scale_limits(table: pd.DataFrame, settings: Mapping[str, Any]) -> np.ndarray:
    """The grey values (0…255) that go to 0 and 1, for every tile of ``table``.

    Args:
        table: rows of ``tiles.csv`` with the whole image's ``p_low``, ``p_high`` and ``mean``.
        settings: the section ``input``; its ``normalization`` is one of ``percentile`` (the image's
            percentiles to 0 and 1), ``image_mean`` (x/255, shifted so that the image's mean is 0.5:
            the same group's other code on these data) and ``none`` (x/255). With ``polarity``
            ``bright_nuclei`` the two are exchanged, which inverts, where the image's mean is nearer to
            its upper percentile: most of an image is ground, so its nuclei are the darker part there.

    Returns:
        (T, 2) float32; inverted where the first is the greater.
    """
    method = settings["normalization"]
    if method == "percentile":
        low = table["p_low"].to_numpy(np.float32)
        # an even image has equal percentiles; one grey value of width keeps the quotient finite
        high = np.maximum(table["p_high"].to_numpy(np.float32), low + 1)
    elif method == "image_mean":
        low = table["mean"].to_numpy(np.float32) - 127.5
        high = low + 255
    elif method == "none":
        low = np.zeros(len(table), np.float32)
        high = low + 255
    else:
        raise ValueError(f"unknown normalization {method!r}")
    limits = np.stack([low, high], axis=1)
    if settings.get("polarity", "as_is") == "bright_nuclei":
        bright = 2 * table["mean"].to_numpy() > table["p_low"].to_numpy() + table["p_high"].to_numpy()
        limits[bright] = limits[bright, ::-1]
    return limits


def normalized(images: np.ndarray, limits: np.ndarray, settings: Mapping[str, Any]) -> Tensor:
    """Tiles on the common scale.

    Args:
        images: (B, H, W, 3) uint8.
        limits: (B, 2) of ``scale_limits``.
        settings: the section ``input``: with percentiles what lies outside of [0, 1] is cut off; with
            ``colour`` ``grey`` all channels are their mean.

    Returns:
        (B, 3, H, W) float32 in about [0, 1], channels last in memory.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    low, high = (torch.from_numpy(np.ascontiguousarray(limits[:, i])).view(-1, 1, 1, 1) for i in (0, 1))
    pixels = (pixels - low) / (high - low)
    if settings.get("colour", "rgb") == "grey":
        pixels = pixels.mean(dim=1, keepdim=True).repeat(1, 3, 1, 1)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    return pixels.clamp_(0, 1) if settings["normalization"] == "percentile" else pixels


def to_network(scaled: Tensor) -> Tensor:
    """Shift and stretch [0, 1] to what the networks are given, (x − 0.5) / 0.25."""
    return ((scaled - MIDDLE) / SPREAD).contiguous(memory_format=torch.channels_last)
