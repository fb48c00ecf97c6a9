"""What training leaves: weights, their description, and the log."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import InputError
from ..files import atomic_path


def save_weights(path: Path, model: nn.Module) -> None:
    """All of a model's tensors as safetensors, fp32, atomically."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def load_weights(path: Path, model: nn.Module) -> None:
    """Put the tensors of a safetensors file into ``model``.

    Raises:
        InputError: damaged, or of another network.
    """
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(path, f"cannot be read: {error}", "train the run again") from None
    except RuntimeError as error:
        raise InputError(path, f"weights of another network: {error}", "train the run again") from None


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """The log as CSV, a row an epoch."""
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
