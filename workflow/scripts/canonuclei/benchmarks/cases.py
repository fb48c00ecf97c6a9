"""All cases by name; a case's module is imported when it is measured, so that no other fills the memory."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

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


def make_case(name: str, arguments: Mapping[str, Any]) -> Case:
    """The case ``name`` with ``arguments``, ready to be called."""
    module = importlib.import_module(f"{__package__}.{CASES[name]}")
    return getattr(module, name)(**arguments)
