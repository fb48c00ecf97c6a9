"""All cases by name; a case's module is imported when it is measured, so that no other fills the memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .measure import Case

# name of the case's function -> its module here
CASES = {
    "compositing_train": "compositing",
    "compositing_inference": "compositing",
    "training_step": "network",
    "lite0_vs_resnet50": "network",
    "loss_alone": "network",
    "read_batch": "network",
    "prediction": "whole",
    "evaluation": "scoring",
    "segment": "whole",
    "busy": "pretended",
}


def load_case(name: str) -> Callable[..., Case]:
    """What makes the case ``name`` from its arguments; its module and what that needs are imported."""
    return getattr(importlib.import_module(f"{__package__}.{CASES[name]}"), name)
