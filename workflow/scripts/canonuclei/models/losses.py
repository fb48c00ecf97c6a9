"""The losses of the paper: binary cross entropy, smooth Dice and the count loss of Eq. 3."""

from __future__ import annotations

import torch
from torch import Tensor

# Floors of p and of 1 − p. The first is far from any p that matters, so that a pixel that every instance
# missed by far still pulls; the second is what fp32 can tell from 1
SMALLEST, NEAREST_TO_ONE = 1e-30, 1e-7


def binary_cross_entropy(probability: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
    """Mean binary cross entropy over the valid pixels of the batch.

    Args:
        probability: (B, H, W) in [0, 1].
        mask: (B, H, W), 0 or 1.
        valid: (B, H, W), 0 where the tile is padding.
    """
    p = probability.clamp(SMALLEST, 1 - NEAREST_TO_ONE)
    loss = -(mask * p.log() + (1 - mask) * torch.log1p(-p))
    return (loss * valid).sum() / valid.sum().clamp(min=1)


def smooth_dice(probability: Tensor, mask: Tensor, valid: Tensor, smooth: float = 1.0) -> Tensor:
    """Smooth Dice loss, per tile, then the mean: 1 − (2 Σ p y + s) / (Σ p + Σ y + s).

    Shapes as in ``binary_cross_entropy``; ``smooth`` is s, in pixels.
    """
    p, y = probability * valid, mask * valid
    overlap = (p * y).sum(dim=(-2, -1))
    total = p.sum(dim=(-2, -1)) + y.sum(dim=(-2, -1))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def count_loss(presence: Tensor, k: Tensor) -> Tensor:
    """L_cnt (Eq. 3): (Σ p(z_i) − K)², mean over the tiles of the batch whose K is known.

    Args:
        presence: (B, N) p(z).
        k: (B,) number of nuclei in each tile; NaN where it is not known (a tile that was enlarged).
    """
    known = ~k.isnan()
    error = torch.where(known, presence.sum(dim=1) - k, torch.zeros_like(k))
    return (error**2).sum() / known.sum().clamp(min=1)


def segmentation_terms(
    probability: Tensor, mask: Tensor, valid: Tensor, dice_smooth: float = 1.0
) -> dict[str, Tensor]:
    """Both mask losses, as ``bce`` and ``dice``; computed in fp32 whatever comes in."""
    probability = probability.float()
    return {
        "bce": binary_cross_entropy(probability, mask, valid),
        "dice": smooth_dice(probability, mask, valid, dice_smooth),
    }
