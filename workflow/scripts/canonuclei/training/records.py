"""What training leaves: weights, their description, and the log."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from safetensors import SafetensorError
from torch import nn

from ..errors import InputError
from ..files import atomic_path
from ..tensor_files import put_into, read_tensors, save_tensors


def save_weights(path: Path, model: nn.Module) -> None:
    """All of a model's tensors as safetensors, fp32, with a digest of them, atomically."""
    save_tensors(path, model.state_dict())


def load_weights(path: Path, model: nn.Module) -> None:
    """Put the tensors of a safetensors file into ``model``.

    Raises:
        InputError: damaged, or of another network.
    """
    try:
        tensors, _ = read_tensors(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(path, f"cannot be read: {error}", "train the run again") from None
    try:
        put_into(model, tensors)
    except ValueError as error:
        raise InputError(path, f"weights of another network: {error}", "train the run again") from None


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """The log as CSV, a row an epoch."""
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
