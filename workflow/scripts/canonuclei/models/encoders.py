"""The encoders: what turns a tile into features of output stride 16.

All of them see (x − 0.5) / 0.25 of images in about [0, 1] and give features at the strides 4, 8 and 16;
the canonical model and DeepLabV3 use the last, the plain semantic network and Mask R-CNN all three.
Their weights are all trained; batch norm keeps the pretrained statistics where the settings say so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from ..errors import InputError
from .depthwise import with_fast_depthwise
from .weights import load_weights


class Encoder(nn.Module):
    """What all encoders share.

    Attributes:
        channels: channels of the features at stride 16.
        stride: their stride, 16.
        stage_channels: channels at the strides 4, 8 and 16.
    """

    stride = 16
    stage_strides = (4, 8, 16)
    stage_channels: tuple[int, int, int]
    frozen_batch_norm = False

    def train(self, mode: bool = True) -> Encoder:
        """As of nn.Module; frozen batch norm keeps using its running statistics."""
        super().train(mode)
        if self.frozen_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    @property
    def channels(self) -> int:
        """Channels of the features at stride 16."""
        return self.stage_channels[-1]

    def stages(self, images: Tensor) -> list[Tensor]:
        """Features (B, C, H/4, W/4), (B, C', H/8, W/8) and (B, C'', H/16, W/16) of (B, 3, H, W)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalized images to (B, channels, H/16, W/16); H, W multiples of 16."""
        return self.stages(images)[-1]


class ResNet50(Encoder):
    """ResNet-50 without pooling and classifier, its last strided stage dilated (paper, section 2.4)."""

    stage_channels = (256, 512, 2048)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50

        network = resnet50(weights=None, replace_stride_with_dilation=[False, False, True])
        for name, child in network.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, child)

    def stages(self, images: Tensor) -> list[Tensor]:
        """See Encoder; the features at stride 16 are those of layer4."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        quarter = self.layer1(stem)
        eighth = self.layer2(quarter)
        return [quarter, eighth, self.layer4(self.layer3(eighth))]


class EfficientNetLite0(Encoder):
    """EfficientNet-Lite0 up to its 112 channels at stride 16; the stages of stride 32 are cut off.

    Stride 16 comes without dilation, and the pretrained weights stay as they were trained. Padding is
    TensorFlow's ("same", more on the right and bottom) and batch norm's epsilon 1e-3: with both, timm's
    network gives exactly the outputs of the code that the weights were published for; with symmetric
    padding the class scores differ by up to a quarter of their range. Batch norm's momentum is torch's
    0.1, not TensorFlow's 0.01, or the running statistics of a short training would still be ImageNet's.
    """

    stage_channels = (24, 40, 112)

    def __init__(self) -> None:
        super().__init__()
        import timm

        network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self.conv_stem, self.bn1 = network.conv_stem, network.bn1
        self.blocks = with_fast_depthwise(network.blocks[:5])

    def stages(self, images: Tensor) -> list[Tensor]:
        """See Encoder."""
        half = self.blocks[0](self.bn1(self.conv_stem(images)))
        quarter = self.blocks[1](half)
        eighth = self.blocks[2](quarter)
        return [quarter, eighth, self.blocks[4](self.blocks[3](eighth))]


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch norm beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outputs))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/stride, W/stride)."""
        return self.activation(self.body(features) + self.shortcut(features))


class Tiny(Encoder):
    """A small residual network for the demo: 0.46 million parameters, receptive field 183 px."""

    stage_channels = (32, 64, 96)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
        )
        self.quarter = ResidualBlock(16, 32, 2)
        self.eighth = nn.Sequential(ResidualBlock(32, 64, 2), ResidualBlock(64, 64, 1))
        self.sixteenth = nn.Sequential(ResidualBlock(64, 96, 2), ResidualBlock(96, 96, 1))

    def stages(self, images: Tensor) -> list[Tensor]:
        """See Encoder."""
        quarter = self.quarter(self.stem(images))
        eighth = self.eighth(quarter)
        return [quarter, eighth, self.sixteenth(eighth)]


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "resnet50": ResNet50,
    "efficientnet-lite0": EfficientNetLite0,
    "tiny": Tiny,
}


def build_encoder(name: str, weights: str | Path | None = None, batch_norm: str = "train") -> Encoder:
    """An encoder, from scratch or with pretrained weights.

    Args:
        name: ``resnet50``, ``efficientnet-lite0`` or ``tiny``.
        weights: file of the rule ``weights`` (``resources/weights/<name>.safetensors``); None: from scratch.
        batch_norm: ``train``, or ``frozen``: normalize by the pretrained statistics.

    Raises:
        InputError: no such encoder, or the weights are missing, damaged or another encoder's.
    """
    if name not in ENCODERS:
        raise InputError(f"encoder {name}", "no such encoder", f"use one of {', '.join(ENCODERS)}")
    encoder = ENCODERS[name]()
    if weights is not None:
        load_weights(encoder, name, weights)
    encoder.frozen_batch_norm = batch_norm == "frozen"
    return encoder
