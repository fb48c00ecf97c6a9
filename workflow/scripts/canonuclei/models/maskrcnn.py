"""Mask R-CNN (He et al., ICCV 2017) from torchvision, sized for nuclei: the fully supervised reference."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, masks_to_boxes
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from .encoders import Encoder
from .semantic import inference

# Sides of the anchors at the strides 4, 8, 16 and 32, as parts of the tile's side: of 128 px they are
# 4 to 96 px; the median nucleus is 16 px across.
ANCHOR_SIZES = ((1 / 32, 1 / 18), (3 / 32, 5 / 32), (1 / 4, 3 / 8), (1 / 2, 3 / 4))
ANCHOR_RATIOS = (0.5, 1.0, 2.0)
# Slivers that a tile's border leaves of a nucleus can't be matched by any anchor
MIN_SIDE = 2
# A tile holds up to about 90 nuclei, mostly under 10, so torchvision's 2000 proposals and 512 sampled
# regions, meant for photographs, would only cost time
PROPOSALS_PER_LEVEL, PROPOSALS = 500, 300
MAX_DETECTIONS = 200
# Cells of the pooled boxes and masks: torchvision's. Of a nucleus they are about as fine as the map they
# are read from, so one sample a cell does: 2 x 2 cost a seventh of a step, roi_align running on one core
BOX_CELLS, MASK_CELLS, SAMPLES = 7, 14, 1
# Levels of the pyramid that regions are pooled from; the last, of stride 32, only proposes
POOLED_LEVELS = ("0", "1", "2")


class Heads(NamedTuple):
    """Sizes of the heads: channels, hidden units of the boxes, convolutions of the masks, regions a tile."""

    width: int
    hidden: int
    mask_convolutions: int
    regions: int


# torchvision's, but for its 512 regions. At 256 px a tile 32 are as many to the area as in the nucleus
# sample of Matterport's Mask R-CNN (128 in a crop of 512 px); a quarter may be nuclei, and a tile holds 6
# in the mean
LARGE_HEADS = Heads(256, 1024, 4, 32)
SMALL_HEADS = Heads(64, 256, 2, 64)  # for small encoders, which those would outweigh many times


class Float32(nn.Module):
    """Gives what a module gives in fp32.

    Under autocast the convolutions run in bf16, but boxes are decoded in their deltas' type, where bf16 has
    steps of a whole pixel above 128, and torchvision's roi_align and nms know no bf16 on the CPU.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        # torchvision asks the backbone for it
        self.out_channels = getattr(module, "out_channels", None)

    def forward(self, *args: Any) -> Any:
        """The module's output, tensors of it in fp32."""
        return _to_float(self.module(*args))


def _to_float(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, Mapping):
        return OrderedDict((key, _to_float(item)) for key, item in value.items())
    return type(value)(_to_float(item) for item in value)


class MaskHeads(MaskRCNNHeads):
    """torchvision's convolutions of the masks, in the memory format in which bf16 is fast."""

    def forward(self, pooled: Tensor) -> Tensor:
        """(n, C, 14, 14) to (n, C, 14, 14)."""
        return super().forward(pooled.contiguous(memory_format=torch.channels_last))


class PyramidBackbone(nn.Module):
    """The encoder's strides 4, 8, 16 and a pooled 32 as torchvision's feature pyramid, with batch norm."""

    def __init__(self, encoder: Encoder, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.out_channels = width
        self.pyramid = FeaturePyramidNetwork(
            list(encoder.stage_channels), width, LastLevelMaxPool(), norm_layer=nn.BatchNorm2d
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) to the levels "0", "1", "2" and "pool"."""
        # torchvision's own batching forgets the memory format, without which bf16 is slower than fp32
        stages = self.encoder.stages(images.contiguous(memory_format=torch.channels_last))
        return self.pyramid(OrderedDict((str(level), stage) for level, stage in enumerate(stages)))


def targets_of(instances: Tensor) -> list[dict[str, Tensor]]:
    """Boxes, labels and masks of every tile, as torchvision wants them.

    Args:
        instances: (B, H, W) labels, 0 background.

    Returns:
        Per tile: boxes (n, 4) float x0, y0, x1, y1 with exclusive ends, labels (n,) all 1, masks (n, H, W)
        uint8. Pieces narrower or lower than 2 px are left out; n may be 0.
    """
    targets = []
    for tile in instances:
        labels = tile.unique()
        masks = tile[None] == labels[labels > 0][:, None, None]
        boxes = masks_to_boxes(masks) + torch.tensor([0.0, 0.0, 1.0, 1.0], device=tile.device)
        kept = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(dim=1)
        boxes, masks = boxes[kept], masks[kept].to(torch.uint8)
        classes = torch.ones(len(boxes), dtype=torch.int64, device=tile.device)
        targets.append({"boxes": boxes, "labels": classes, "masks": masks})
    return targets


class MaskRCNNModel(nn.Module):
    """torchvision's Mask R-CNN on the encoder; trained with instance masks.

    Args:
        encoder: any encoder; its last stage has stride 16 here too, as for the other approaches.
        input_size: tiles are scaled to this many px a side (torchvision's 800 is for photographs).
        score: detections below it are dropped in prediction.
    """

    needs_instances = True

    def __init__(self, encoder: Encoder, input_size: int = 256, score: float = 0.5) -> None:
        super().__init__()
        width, hidden, depth, regions = LARGE_HEADS if encoder.channels >= 1024 else SMALL_HEADS
        sizes = tuple(tuple(part * input_size for part in level) for level in ANCHOR_SIZES)
        anchors = AnchorGenerator(sizes, (ANCHOR_RATIOS,) * len(sizes))
        rpn = RPNHead(width, anchors.num_anchors_per_location()[0])
        # torchvision's 0.01 suits pretrained detectors; from scratch and narrow, it starves the layers behind
        nn.init.kaiming_normal_(rpn.conv[0][0].weight, nonlinearity="relu")
        self.network = MaskRCNN(
            Float32(PyramidBackbone(encoder, width)),
            min_size=input_size,
            max_size=input_size,
            image_mean=[0.0, 0.0, 0.0],  # images come normalized
            image_std=[1.0, 1.0, 1.0],
            rpn_anchor_generator=anchors,
            rpn_head=Float32(rpn),
            rpn_pre_nms_top_n_train=PROPOSALS_PER_LEVEL,
            rpn_pre_nms_top_n_test=PROPOSALS_PER_LEVEL,
            rpn_post_nms_top_n_train=PROPOSALS,
            rpn_post_nms_top_n_test=PROPOSALS,
            box_roi_pool=MultiScaleRoIAlign(list(POOLED_LEVELS), BOX_CELLS, SAMPLES),
            box_head=TwoMLPHead(width * BOX_CELLS**2, hidden),
            box_predictor=Float32(FastRCNNPredictor(hidden, 2)),
            box_score_thresh=score,
            box_detections_per_img=MAX_DETECTIONS,
            box_batch_size_per_image=regions,
            mask_roi_pool=MultiScaleRoIAlign(list(POOLED_LEVELS), MASK_CELLS, SAMPLES),
            mask_head=MaskHeads(width, (width,) * depth, 1),
            mask_predictor=Float32(MaskRCNNPredictor(width, width, 2)),
        )

    def loss_terms(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """torchvision's five losses by its names, and their sum ``total``; needs ``instances``.

        Only in training mode: torchvision gives no losses otherwise.
        """
        losses = self.network(list(batch["images"]), targets_of(batch["instances"]))
        return {"total": torch.stack(list(losses.values())).sum(), **losses}

    def predict(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Detections of (B, 3, H, W) images, per tile by falling score.

        Returns:
            Per tile: masks (n, H, W) bool, where the mask's probability is at least ½, and scores (n,).
        """
        with inference(self):
            detections = self.network(list(images))
        return [(found["masks"][:, 0] >= 0.5, found["scores"]) for found in detections]

    def mask_and_count(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """For validation: the detections' union (B, H, W) as 0 and 1, and their number (B,)."""
        found = self.predict(images)
        union = torch.stack([masks.any(dim=0).float() for masks, _ in found])
        return union, torch.tensor([float(len(scores)) for _, scores in found], device=images.device)
