"""DeepLabV3 (Chen et al., 2017) at output stride 16, on any encoder: the paper's semantic reference."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torchvision.models.segmentation.deeplabv3 import DeepLabHead

from .encoders import Encoder
from .semantic import PixelModel

# Of the published network at output stride 16; torchvision's default (12, 24, 36) is for stride 8
ATROUS_RATES = (6, 12, 18)


class DeepLabModel(PixelModel):
    """torchvision's DeepLabV3 head on the encoder's features at stride 16.

    On the 8×8 features of a 128-px tile the outer taps of the rates 12 and 18 lie on padding: those two
    branches act as 1×1 convolutions, and the global context comes from the pooled branch. That pooling has
    one value a tile and channel, so batch norm needs training batches of two tiles or more.

    Args:
        encoder: any encoder.
        loss: see PixelModel.
    """

    def __init__(self, encoder: Encoder, loss: Mapping[str, float]) -> None:
        super().__init__(loss)
        self.encoder = encoder
        self.head = DeepLabHead(encoder.channels, 1, ATROUS_RATES)

    def logits(self, images: Tensor) -> Tensor:
        """(B, 1, H/16, W/16)."""
        return self.head(self.encoder(images))
