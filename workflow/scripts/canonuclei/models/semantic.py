"""The plain semantic network: the same encoder, with a light feature pyramid for a decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoders import Encoder
from .losses import segmentation_terms


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients; the mode is put back afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


class PixelModel(nn.Module):
    """A network that gives every pixel a probability; trained with the paper's BCE + smooth Dice.

    Args:
        loss: ``bce`` and ``dice``, the weights of both, and ``dice_smooth``, in pixels.
    """

    needs_instances = False

    def __init__(self, loss: Mapping[str, float]) -> None:
        super().__init__()
        self.loss = dict(loss)

    def logits(self, images: Tensor) -> Tensor:
        """(B, 1, h, w) logits of (B, 3, H, W) images, at the network's own resolution."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """(B, H, W) probabilities in fp32; logits are brought to full resolution bilinearly."""
        logits = self.logits(images).float()
        size = images.shape[-2:]
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False).squeeze(1).sigmoid()

    def loss_terms(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``bce``, ``dice`` and the weighted ``total`` of a batch (images, mask, valid); scalars."""
        probability = self(batch["images"])
        terms = segmentation_terms(probability, batch["mask"], batch["valid"], self.loss["dice_smooth"])
        return {"total": self.loss["bce"] * terms["bce"] + self.loss["dice"] * terms["dice"], **terms}

    def predict(self, images: Tensor) -> Tensor:
        """(B, H, W) probabilities in [0, 1] of (B, 3, H, W) normalized images."""
        with inference(self):
            return self(images)

    def mask_and_count(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """For validation: probabilities (B, H, W), and NaN (B,), since nothing here counts nuclei."""
        probability = self.predict(images)
        return probability, torch.full((len(images),), torch.nan, device=images.device)


class FeaturePyramid(nn.Module):
    """Top-down pyramid (Lin et al., CVPR 2017) of the encoder's strides 4, 8 and 16, with batch norm.

    Args:
        channels: of the three stages.
        width: channels of the pyramid.
    """

    def __init__(self, channels: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.BatchNorm2d(width)) for count in channels
        )
        self.smooth = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for _ in channels[:-1]
        )

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Features at the strides 4, 8, 16 to (B, width, H/4, W/4)."""
        merged = self.lateral[-1](stages[-1])
        for level in reversed(range(len(self.smooth))):
            size = stages[level].shape[-2:]
            raised = F.interpolate(merged, size=size, mode="bilinear", align_corners=False)
            merged = self.smooth[level](self.lateral[level](stages[level]) + raised)
        return merged


class SemanticModel(PixelModel):
    """Encoder, feature pyramid, one logit a pixel.

    The logits have stride 4: the 32×32 points that the canonical model is trained on as well.

    Args:
        encoder: any encoder.
        loss: see PixelModel.
        width: channels of the pyramid.
    """

    def __init__(self, encoder: Encoder, loss: Mapping[str, float], width: int = 64) -> None:
        super().__init__(loss)
        self.encoder = encoder
        self.pyramid = FeaturePyramid(encoder.stage_channels, width)
        self.classifier = nn.Conv2d(width, 1, 1)

    def logits(self, images: Tensor) -> Tensor:
        """(B, 1, H/4, W/4)."""
        return self.classifier(self.pyramid(self.encoder.stages(images)))
