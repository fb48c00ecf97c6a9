"""A variant's network by the name that the config gives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import InputError
from .encoders import build_encoder

MODELS = ("canonical", "semantic", "deeplabv3", "maskrcnn")


def build_model(
    model: str, encoder: str, settings: Mapping[str, Any], weights: str | Path | None = None
) -> nn.Module:
    """The network of a variant, with ``loss_terms``, ``predict`` and ``mask_and_count``.

    Args:
        model: ``canonical``, ``semantic``, ``deeplabv3`` or ``maskrcnn``.
        encoder: name of the encoder.
        settings: the run's settings: sections ``network``, ``loss``, ``training`` and ``prediction`` of the
            config, and ``alpha``.
        weights: file of pretrained weights of the encoder; None: from scratch.

    Raises:
        InputError: unknown names, or unfit weights.
    """
    if model not in MODELS:
        raise InputError(f"model {model}", "no such model", f"use one of {', '.join(MODELS)}")
    network, loss = dict(settings["network"]), dict(settings["loss"])
    backbone = build_encoder(encoder, weights, settings.get("encoder", {}).get("batch_norm", "train"))
    # Imported here: a run needs only its own network's packages
    if model == "canonical":
        from .canonical import CanonicalModel

        compiled = bool(settings.get("training", {}).get("compile", True))
        size = settings.get("tile_size", 128)
        return CanonicalModel(backbone, float(settings["alpha"]), network, loss, size, compiled)
    if model == "semantic":
        from .semantic import SemanticModel

        return SemanticModel(backbone, loss)
    if model == "deeplabv3":
        from .deeplab import DeepLabModel

        return DeepLabModel(backbone, loss)
    from .maskrcnn import MaskRCNNModel

    # training settings have no section of their own for prediction: there it serves validation alone
    score = float(settings.get("prediction", {}).get("maskrcnn_score", 0.5))
    return MaskRCNNModel(backbone, int(network.get("input_size", 256)), score)
