"""Checkpoints: one safetensors file, with the state that is not tensors as JSON in its header.

One file, because two (weights and state) can be torn apart by a kill between their renames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import InputError
from ..tensor_files import Undigested, read_tensors, save_tensors

# Beside the checkpoint: the state of a training whose loss, gradient or weights were no numbers
FAILED = "failed.safetensors"


@dataclass
class State:
    """Where training stands.

    Attributes:
        step: steps done since the beginning.
        fingerprint: what the run was made from; a checkpoint of another run is refused.
        scheduler: state of the learning-rate schedule.
        groups: learning rate and momentum of the optimizer's groups, which the schedule's state lacks.
        threads: of the processor; another number rounds otherwise.
        log: rows of the epochs that are done.
        sums: of the loss terms since the epoch began.
        seconds: spent in training, over all sessions.
    """

    step: int = 0
    fingerprint: str = ""
    scheduler: dict[str, Any] = field(default_factory=dict)
    groups: list[dict[str, float]] = field(default_factory=list)
    threads: int = 0
    log: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def save_checkpoint(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: State
) -> None:
    """Write model, momentum and state, atomically."""
    save_tensors(path, _tensors(model, optimizer), {"state": json.dumps(asdict(state))})


def save_failure(
    path: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    state: State,
    batch: Mapping[str, Tensor],
    told: Mapping[str, Any],
) -> None:
    """Write what a checkpoint holds, to be looked at and never to be gone on from.

    Args:
        path: of the file, beside the checkpoint's.
        model, optimizer, state: as the failing step found them, but for the means of batch norm.
        batch: its tensors, kept as ``batch.<name>``.
        told: what happened; JSON in the header under ``failure``, with the names of all tensors that are
            not finite.
    """
    tensors = _tensors(model, optimizer)
    tensors |= {f"batch.{name}": value.contiguous() for name, value in batch.items()}
    failure = {**told, "not_finite": not_finite(model)}
    metadata = {"state": json.dumps(asdict(state)), "failure": json.dumps(failure)}
    save_tensors(path, tensors, metadata)


def not_finite(model: torch.nn.Module) -> list[str]:
    """Names of the model's tensors and gradients (``gradient of …``) with values that are no numbers."""
    named = [*model.state_dict().items()]
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            named.append((f"gradient of {name}", parameter.grad))
    return [name for name, value in named if not torch.isfinite(value).all()]


def _tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for parameter, values in optimizer.state.items():
        if values.get("momentum_buffer") is not None:
            tensors[f"momentum.{names[id(parameter)]}"] = values["momentum_buffer"].contiguous()
    return tensors


def load_checkpoint(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, fingerprint: str
) -> State | None:
    """Put a checkpoint's tensors into model and optimizer.

    Returns:
        Its state; None where there is none, or where it belongs to other settings or other code.

    Raises:
        InputError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        tensors, metadata = read_tensors(path)
        state = State(**json.loads(metadata["state"]))
        if "failure" in metadata:
            raise ValueError("it is the state of a training that failed")
    except Undigested:
        return None  # other code's
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            path, f"the checkpoint cannot be read: {error}", "delete it; training begins anew"
        ) from None
    if state.fingerprint != fingerprint:
        return None
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    for name, parameter in model.named_parameters():
        if f"momentum.{name}" in tensors:
            # cloned in the parameter's memory layout, as the optimizer would have made it
            buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
            optimizer.state[parameter]["momentum_buffer"] = buffer
    return state
