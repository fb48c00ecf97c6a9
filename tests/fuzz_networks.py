"""Checkpoints, weights and descriptions of models to be spoiled, and what must hold of what is read."""

import hashlib
import json
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import torch
import yaml
from torch import nn

from canonuclei.errors import InputError
from canonuclei.models.encoders import build_encoder
from canonuclei.models.registry import build_model
from canonuclei.models.weights import load_weights as load_encoder
from canonuclei.segmentation.model import load_model
from canonuclei.settings import run_settings
from canonuclei.tensor_files import content_digest, save_tensors
from canonuclei.training.checkpoint import State, load_checkpoint, save_checkpoint
from canonuclei.training.records import load_weights, save_weights
from conftest import REPOSITORY
from fuzz_child import Reader
from fuzz_mutations import spoiled, spoiled_json

torch.manual_seed(0)


def small() -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network that is no more than a name for its tensors, and its optimizer, a step done."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(2, 3, 5, 5)).sum().backward()
    optimizer.step()
    return model, optimizer


def state_digest(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> str:
    """Of all tensors, momentum included; they must be finite."""
    tensors = dict(model.state_dict())
    for index, values in enumerate((optimizer.state if optimizer else {}).values()):
        tensors |= {
            f"{index} {name}": value for name, value in values.items() if isinstance(value, torch.Tensor)
        }
    assert all(value.isfinite().all() for value in tensors.values())
    return content_digest(tensors, {})


@cache
def _written(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path, (model, optimizer) = Path(folder) / "x.safetensors", small()
        if kind == "checkpoint":
            save_checkpoint(path, model, optimizer, State(step=3, fingerprint="f", log=[{"epoch": 1.0}]))
        elif kind == "weights":
            save_weights(path, model)
        elif kind == "encoder":
            save_tensors(path, {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}, {"encoder": "tiny"})
        else:
            save_weights(path, network())
        return path.read_bytes()


def spoiled_tensors(kind: str):
    """Spoil a safetensors file: bytes anywhere, or entries of its header."""

    def spoil(random: Random) -> tuple[bytes, int | None]:
        data = _written(kind)
        if random.random() < 0.7:
            return spoiled(data, random), 0
        (length,) = struct.unpack("<Q", data[:8])
        header = spoiled_json(data[8 : 8 + length].decode(), random)
        return struct.pack("<Q", len(header)) + header + data[8 + length :], 0

    return spoil


def read_checkpoint(path: Path) -> str:
    """Where training stands; None where the checkpoint is another run's."""
    model, optimizer = small()
    state = load_checkpoint(path, model, optimizer, "f")
    if state is None:
        raise InputError(path, "not taken up", "training begins anew, and says so")
    return f"{state} {state_digest(model, optimizer)}"


def read_weights(path: Path) -> str:
    """Weights of a run."""
    model, _ = small()
    load_weights(path, model)
    return state_digest(model)


def read_encoder(path: Path) -> str:
    """Pretrained weights."""
    module = nn.Linear(2, 3)
    load_encoder(module, "tiny", path)
    return state_digest(module)


def network() -> nn.Module:
    """The smallest canonical model."""
    return build_model("canonical", "tiny", json.loads(sound_descriptions()[0])["settings"], None)


@cache
def sound_descriptions() -> list[bytes]:
    """Of the smallest canonical model."""
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    settings = run_settings(config, "ours-cnt", "tiny")
    data = {
        "scale": 1.0,
        "diameter_median": 16.0,
        "looks": {"tissue": 1.0},
        "quantiles": {"mean": {"50": 9.0}},
    }
    told = {"model": "canonical", "encoder": "tiny", "run": "x", "training_data": data, "settings": settings}
    return [json.dumps(told).encode()]


def read_model(path: Path) -> str:
    """A model by its description."""
    path.with_suffix(".safetensors").write_bytes(_written("model"))
    model = load_model(path.with_suffix(".safetensors"))
    assert 16 <= model.tile_size <= 4096 and 0 < model.scale <= 16 and 0 < model.diameter <= 1e7
    assert not model.network.training and model.digest == hashlib.sha256(_written("model")).hexdigest()
    return ""


def tensors(kind: str, read: Callable[[Path], str]) -> Reader:
    """A reader of safetensors."""
    return Reader(spoiled_tensors(kind), lambda: [_written(kind)], read, f"{kind}.safetensors")


READERS = {
    "checkpoint": tensors("checkpoint", read_checkpoint),
    "weights": tensors("weights", read_weights),
    "encoder's weights": tensors("encoder", read_encoder),
    "model.json": Reader(
        lambda random: (spoiled_json(sound_descriptions()[0].decode(), random), None),
        sound_descriptions, read_model, "model.json",
    ),
}  # fmt: skip
build_encoder("tiny")  # imported before the memory is bounded
