"""The paper's network: an encoder that places N instances of one learned canonical shape."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .compositing import compose_mask
from .losses import count_loss, segmentation_terms
from .semantic import FeaturePyramid
from .shape import ShapeMLP
from .transform import grid_points, pack_lower

# Of the first of two stacked 1×1 convolutions
STACKED_CHANNELS = 256
# Of the pyramid that gives cells of 8 px; that of the semantic network has as many
PYRAMID_CHANNELS = 64


class Instances(NamedTuple):
    """What the encoder predicts for each tile, in the tile's coordinates [−1, 1]².

    Attributes:
        lower: (B, N, 2, 2) L, lower triangular with a positive diagonal.
        t: (B, N, 2).
        presence_logit: (B, N); p(z) is its sigmoid.
    """

    lower: Tensor
    t: Tensor
    presence_logit: Tensor

    @property
    def presence(self) -> Tensor:
        """(B, N) p(z)."""
        return self.presence_logit.sigmoid()


class CanonicalModel(nn.Module):
    """Encoder, two parallel 1×1 convolutions (T and z) and the shape MLP (paper, section 2.4).

    With ``network.stride`` 8, which the paper has not, a feature pyramid over the encoder's strides 8 and 16
    stands between the two (Lin et al., CVPR 2017).

    Each cell of the feature map predicts ``instances_per_cell`` instances. Their centres are the cell's
    centre plus a predicted offset, as in one-stage detectors, and t = −L · centre: so shapes start spread
    over the tile, and the network need not know where in the tile it looks.

    Args:
        encoder: gives ``channels`` features at ``stride`` px.
        alpha: weight of the count loss; 0 for "Ours", which then never sees K.
        network: the section ``network`` of the settings.
        loss: the section ``loss`` of the settings.
        tile_size: px; only for the start of the radius.
        compiled: fuse the compositing kernel where a compiler is found.
    """

    needs_instances = False

    def __init__(
        self,
        encoder: nn.Module,
        alpha: float,
        network: dict[str, Any],
        loss: dict[str, Any],
        tile_size: int = 128,
        compiled: bool = True,
    ) -> None:
        super().__init__()
        self.encoder, self.alpha, self.network, self.loss = encoder, alpha, network, loss
        self.per_cell, self.compiled = network["instances_per_cell"], compiled
        # "Two 1×1 convolutions": one each for T and z, or one after the other
        self.neck, channels = nn.Identity(), encoder.channels
        fine = network.get("stride", encoder.stride) == 8
        if fine:
            channels = PYRAMID_CHANNELS
        self.pyramid = FeaturePyramid(encoder.stage_channels[1:], channels) if fine else None
        features = channels
        if network["heads"] == "stacked":
            channels = STACKED_CHANNELS
            self.neck = nn.Sequential(nn.Conv2d(features, channels, 1), nn.ReLU())
        scale = network.get("feature_scale")  # models of before this key have none
        # so that the heads' outputs, and what a step moves them by, do not grow with the number of features
        self.feature_factor = 1.0 if scale is None else scale / math.sqrt(features)
        self.transform_head = nn.Conv2d(channels, 5 * self.per_cell, 1)
        self.presence_head = nn.Conv2d(channels, self.per_cell, 1)
        self.shape = ShapeMLP(network["shape_radius"], network["shape_sharpness"], network["shape_noise"])
        self.start_scale = network["shape_radius"] / (2 * network["initial_radius"] / tile_size)
        self._start_heads()

    def _start_heads(self) -> None:
        spread = self.network["centre_spread"]
        with torch.no_grad():
            for head in (self.transform_head, self.presence_head):
                head.weight.normal_(0.0, self.network["head_std"])
                head.bias.zero_()
            p = self.network["initial_presence"]
            self.presence_head.bias.fill_(math.log(p / (1 - p)))
            # Instances of a cell start apart: equal twins would get equal gradients for ever
            offsets = torch.linspace(-spread, spread, self.per_cell) if self.per_cell > 1 else torch.zeros(1)
            self.transform_head.bias.view(self.per_cell, 5)[:, 3] = offsets

    def instances(self, images: Tensor) -> Instances:
        """The instances that the encoder places in ``images`` (B, 3, H, W); N = per_cell · cells, in fp32."""
        stages = self.encoder.stages(images)
        features = stages[-1] if self.pyramid is None else self.pyramid(stages[1:])
        # Everything that places a shape is fp32; bf16 would place it to ½ px only
        with torch.autocast(images.device.type, enabled=False):
            features = self.neck(features.float() * self.feature_factor)
            return self._place(self.transform_head(features), self.presence_head(features))

    def _place(self, raw: Tensor, logit: Tensor) -> Instances:
        batch, _, rows, columns = raw.shape
        raw = raw.view(batch, self.per_cell, 5, rows * columns).permute(0, 1, 3, 2)
        raw = raw.reshape(batch, self.per_cell * rows * columns, 5)
        diagonal = self.start_scale * _positive(raw[..., :2], self.network["diagonal"])
        lower = pack_lower(diagonal[..., 0], self.start_scale * raw[..., 2], diagonal[..., 1])
        if self.network["position"] == "image":
            return Instances(lower, raw[..., 3:], logit.reshape(batch, -1))
        cell_size = torch.tensor([2 / columns, 2 / rows], device=raw.device)
        cells = grid_points(rows, columns, device=raw.device).repeat(self.per_cell, 1)
        centre = cells + raw[..., 3:] * cell_size
        t = -(lower @ centre.unsqueeze(-1)).squeeze(-1)
        return Instances(lower, t, logit.reshape(batch, -1))

    def compose(self, instances: Instances, grid: int, size: int) -> Tensor:
        """Composed masks (B, size, size) of ``instances`` on a grid of ``grid`` points a side (Eq. 2)."""
        # the kernel is compiled for one shape of batch, that of training; others would compile it anew
        return compose_mask(
            self.shape,
            instances.lower,
            instances.t,
            F.logsigmoid(instances.presence_logit),
            grid,
            size,
            self.compiled and self.training,
        )

    def loss_terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """BCE + smooth Dice + α L_cnt; ``total`` is what is minimized.

        Args:
            batch: ``images`` (B, 3, S, S), ``mask`` and ``valid`` (B, S, S), and ``k`` (B,) if α > 0.
        """
        instances = self.instances(batch["images"])
        with torch.autocast(batch["images"].device.type, enabled=False):
            probability = self.compose(instances, self.network["grid"], batch["mask"].shape[-1])
            terms = segmentation_terms(probability, batch["mask"], batch["valid"], self.loss["dice_smooth"])
            total = self.loss["bce"] * terms["bce"] + self.loss["dice"] * terms["dice"]
            if self.alpha > 0:
                terms["count"] = count_loss(instances.presence, batch["k"])
                total = total + self.alpha * terms["count"]
        return {"total": total, **terms}

    @torch.no_grad()
    def predict(self, images: Tensor) -> Instances:
        """``instances`` without gradients, in fp32."""
        return self.instances(images)

    @torch.no_grad()
    def mask_and_count(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """For validation: p(y) (B, S, S) and the number of instances with p(z) ≥ ½ (B,)."""
        instances = self.instances(images)
        with torch.autocast(images.device.type, enabled=False):
            probability = self.compose(instances, self.network["grid"], images.shape[-1])
        return probability, (instances.presence >= 0.5).sum(dim=1).float()


def _positive(raw: Tensor, how: str) -> Tensor:
    """A positive factor that is 1 at 0: ``exp``, bounded, or ``softplus``."""
    if how == "softplus":
        return F.softplus(raw + math.log(math.e - 1))
    # equal steps change the size by equal factors; bounded to e^±3, for one wild step must not overflow
    return torch.exp(3 * torch.tanh(raw / 3))
