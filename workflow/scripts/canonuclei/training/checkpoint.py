"""Checkpoints: one safetensors file, with the state that is not tensors as JSON in its header.

One file, because two (weights and state) can be torn apart by a kill between their renames.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import InputError
from ..files import atomic_path


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
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for parameter, values in optimizer.state.items():
        if values.get("momentum_buffer") is not None:
            tensors[f"momentum.{names[id(parameter)]}"] = values["momentum_buffer"].contiguous()
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(asdict(state))})


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
        with safe_open(path, framework="pt") as file:
            state = State(**json.loads((file.metadata() or {})["state"]))
            if state.fingerprint != fingerprint:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            path, f"the checkpoint cannot be read: {error}", "delete it; training begins anew"
        ) from None
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    for name, parameter in model.named_parameters():
        if f"momentum.{name}" in tensors:
            # cloned in the parameter's memory layout, as the optimizer would have made it
            buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
            optimizer.state[parameter]["momentum_buffer"] = buffer
    return state
