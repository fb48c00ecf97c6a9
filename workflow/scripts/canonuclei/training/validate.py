"""Validation during training: pixel IoU, Dice and count error. Never an instance label (weak supervision)."""

from __future__ import annotations

import torch
from torch import nn

from .batches import Batches
from .device import autocast


@torch.no_grad()
def validate(model: nn.Module, batches: Batches, device: torch.device, precision: str) -> dict[str, float]:
    """Pooled pixel IoU and Dice at p(y) ≥ ½, and the mean absolute count error.

    Returns:
        ``val_iou``, ``val_dice`` in 0…1 and ``val_count_mae`` (nuclei a tile; NaN for a model that
        does not count). The validation set is scored on whole tiles, also where they overlap.
    """
    model.eval()
    intersection = predicted = true = 0.0
    errors = []
    for batch in batches.in_order():
        images = batch["images"].to(device)
        with autocast(device, precision):
            probability, count = model.mask_and_count(images)
        mask = (probability >= 0.5).float().cpu() * batch["valid"]
        intersection += (mask * batch["mask"]).sum().item()
        predicted += mask.sum().item()
        true += (batch["mask"] * batch["valid"]).sum().item()
        errors.append((count.cpu() - batch["k"]).abs())
    union = predicted + true - intersection
    return {
        "val_iou": intersection / union if union else float("nan"),
        "val_dice": 2 * intersection / (predicted + true) if predicted + true else float("nan"),
        "val_count_mae": torch.cat(errors).mean().item(),
    }
