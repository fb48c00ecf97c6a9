"""Validation during training: pixel IoU, Dice and count error. Never an instance label (weak supervision)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
            mask, count = mask_and_count(model, images)
        mask = mask.cpu() * batch["valid"]
        intersection += (mask * batch["mask"]).sum().item()
        predicted += mask.sum().item()
        true += (batch["mask"] * batch["valid"]).sum().item()
        if count is not None:
            errors.append((count.cpu() - batch["k"]).abs())
    union = predicted + true - intersection
    return {
        "val_iou": intersection / union if union else float("nan"),
        "val_dice": 2 * intersection / (predicted + true) if predicted + true else float("nan"),
        "val_count_mae": torch.cat(errors).mean().item() if errors else float("nan"),
    }


def mask_and_count(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor | None]:
    """The binary mask (B, S, S), 0 or 1, and the number of nuclei (B,) that a model of any kind predicts."""
    if hasattr(model, "mask_and_count"):
        probability, count = model.mask_and_count(images)
        return (probability >= 0.5).float(), count
    predicted = model.predict(images)
    if isinstance(predicted, Tensor):
        return (predicted.float() >= 0.5).float(), None
    size = images.shape[-2:]
    union = torch.stack([torch.as_tensor(m).any(dim=0) if len(m) else torch.zeros(size) for m, _ in predicted])
    return union.float(), torch.tensor([float(len(m)) for m, _ in predicted])
