"""Prediction of a set of tiles by a trained model of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from .models.canonical import CanonicalModel, Instances
from .nuclei.fused import FusedShape, to_numpy
from .nuclei.render import compose_tiles, render_instances
from .nuclei.rle_file import rle_tile
from .training.batches import Batches
from .training.device import autocast, choose_device


@torch.no_grad()
def predict_instances(
    model: CanonicalModel, batches: Batches, precision: str, threshold: float
) -> dict[str, np.ndarray]:
    """What a canonical model predicts for every tile of a set.

    Returns:
        ``lower`` (T, N, 2, 2), ``t`` (T, N, 2), ``p`` (T, N) as float32, and ``mask`` (T, S, S) bool: the
        composed mask on the training grid, upsampled, cut at ``threshold``.
    """
    device = choose_device()
    model.eval().to(device, memory_format=torch.channels_last)
    grid, fused = model.network["grid"], FusedShape.proven(model.shape)
    found: dict[str, list[np.ndarray]] = {"lower": [], "t": [], "p": [], "mask": []}
    for batch in batches.in_order():
        with autocast(device, precision):
            instances: Instances = model.predict(batch["images"].to(device))
        place = [to_numpy(part) for part in (instances.lower, instances.t, instances.presence)]
        # exactly: absent instances, too, decide where the upsampled product crosses the threshold
        probability = compose_tiles(*place, fused, grid, batch["images"].shape[-1], tolerance=0)
        for name, part in zip(found, (*place, probability >= threshold), strict=True):
            found[name].append(part)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def coarse_tiles(
    batches: Batches, predicted: dict[str, np.ndarray], shape: nn.Module, grid: int, threshold: float
) -> list[dict[str, Any]]:
    """Entries of the run-length file of the training grid: each tile's composed mask and its instances.

    At the coarse grid absent instances count through the upsampling, so that these masks cannot be made
    from the table of nuclei, which leaves most absent instances out.
    """
    fused, tiles = FusedShape(shape), []
    for index, row in enumerate(batches.tiles.table.itertuples()):
        present = predicted["p"][index] >= threshold
        parameters = [predicted[name][index][present] for name in ("lower", "t", "p")]
        masks = render_instances(*parameters, fused, grid, predicted["mask"].shape[-1], threshold)
        some = masks.any(axis=(1, 2))
        scores = parameters[2][some]
        place = row.image_id, row.tile_y, row.tile_x
        tiles.append(rle_tile(*place, predicted["mask"][index], masks[some], scores))
    return tiles


@torch.no_grad()
def predict_masks(model: nn.Module, batches: Batches, precision: str) -> list[dict[str, Any]]:
    """Entries of the run-length file of a model that predicts masks (semantic, DeepLabV3, Mask R-CNN)."""
    device = choose_device()
    model.eval().to(device, memory_format=torch.channels_last)
    rows, tiles = batches.tiles.table.itertuples(), []
    for batch in batches.in_order():
        with autocast(device, precision):
            predicted = model.predict(batch["images"].to(device))
        for one in predicted:
            row = next(rows)
            place = row.image_id, row.tile_y, row.tile_x
            if isinstance(one, torch.Tensor):
                tiles.append(rle_tile(*place, (one.float() >= 0.5).cpu().numpy()))
                continue
            masks, scores = one[0].cpu().numpy(), one[1].float().cpu().numpy()
            some = masks.any(axis=(1, 2)) if len(masks) else np.zeros(0, bool)
            union = masks.any(axis=0) if len(masks) else np.zeros(batch["images"].shape[-2:], bool)
            tiles.append(rle_tile(*place, union, masks[some], scores[some]))
    return tiles
