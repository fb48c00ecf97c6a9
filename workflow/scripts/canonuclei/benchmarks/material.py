"""What the cases work on: a trained run's model, its outputs on its test tiles, and images put of tiles."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..data.tiles import read_tiles
from ..files import read_json
from ..models.canonical import CanonicalModel
from ..models.registry import build_model
from ..prediction import predict_instances
from ..training.batches import Batches
from ..training.records import load_weights

OUTPUTS = "outputs.npz"


def settings_of(material: dict[str, Any]) -> dict[str, Any]:
    """The run's settings, with the config's section ``prediction``."""
    settings = copy.deepcopy(read_json(Path(material["weights"]).with_suffix(".json"))["settings"])
    return {"tile_size": 128, **settings, "prediction": dict(material["prediction"])}


def trained_model(material: dict[str, Any]) -> CanonicalModel:
    """The run's model with its weights."""
    weights = Path(material["weights"])
    model = build_model(
        "canonical", read_json(weights.with_suffix(".json"))["encoder"], settings_of(material)
    )
    load_weights(weights, model)
    return model


def fresh_model(material: dict[str, Any], encoder: str) -> CanonicalModel:
    """A model of the run's settings with random weights on any encoder, the same each time."""
    torch.manual_seed(0)
    settings = settings_of(material)
    settings["encoder"] = {**settings["encoder"], "batch_norm": "train"}  # random weights have no statistics
    return build_model("canonical", encoder, settings)


def prepare(weights: Path, tiles: Path, prediction: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Predict the test tiles once, and say where everything is.

    Args:
        weights: a canonical run's ``model.safetensors`` with ``model.json`` beside.
        tiles: folder of the sets of tiles, ``train`` and ``test`` among them.
        prediction: the section ``prediction`` of its settings.
        folder: for what is made here.

    Returns:
        The ``material`` of the cases, as JSON can hold it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    material = {
        "weights": str(weights),
        "tiles": str(tiles),
        "prediction": dict(prediction),
        "folder": str(folder),
    }
    settings = settings_of(material)
    batches = Batches(tiles / "test", settings, instances=False, counts=False, masks=False)
    model = trained_model(material)
    precision, threshold = settings["training"]["precision"], prediction["threshold"]
    found = predict_instances(model, batches, precision, threshold)
    np.savez(folder / OUTPUTS, **{name: found[name] for name in ("lower", "t", "p")})
    return material


def outputs(material: dict[str, Any]) -> dict[str, np.ndarray]:
    """The run's outputs for all its test tiles: lower (T, N, 2, 2), t (T, N, 2), p (T, N)."""
    with np.load(Path(material["folder"]) / OUTPUTS) as file:
        return {name: file[name] for name in file.files}


def some_instances(material: dict[str, Any], n: int, batch: int, present: str) -> dict[str, Any]:
    """Instances of ``batch`` tiles with ``n`` each, as tensors.

    More than a tile has are those of several tiles together, fewer a random part of a tile's: so what is
    present grows with n.

    Args:
        material: of ``prepare``.
        n: instances a tile.
        batch: tiles.
        present: ``trained``: p(z) as the model gave it; ``all``: 0.9 for each.

    Returns:
        ``lower`` (B, n, 2, 2), ``t`` (B, n, 2), ``logit`` (B, n), and ``present``, the mean number of
        instances a tile whose p(z) reaches the threshold.
    """
    found, generator = outputs(material), np.random.default_rng(0)
    tiles, own = found["p"].shape
    stacked = -(-n // own)
    chosen = generator.permutation(tiles)[np.arange(batch * stacked) % tiles].reshape(batch, stacked)
    keep = np.sort(generator.permutation(stacked * own)[:n])
    parts = {}
    for name, values in found.items():
        gathered = values[chosen].reshape(batch, stacked * own, *values.shape[2:])
        parts[name] = torch.from_numpy(np.ascontiguousarray(gathered[:, keep]))
    if present == "all":
        parts["p"] = torch.full_like(parts["p"], 0.9)
    logit = torch.logit(parts["p"].double().clamp(1e-30, 1 - 1e-7)).float()
    count = (parts["p"] >= material["prediction"]["threshold"]).sum(1).float().mean()
    return {"lower": parts["lower"], "t": parts["t"], "logit": logit, "present": round(float(count), 1)}


def picture(material: dict[str, Any], side: int) -> np.ndarray:
    """An image (side, side, 3) uint8 put together of test tiles, one beside the other."""
    tiles = read_tiles(Path(material["tiles"]) / "test", masks=False)
    size = tiles.size
    across = -(-side // size)
    order = np.arange(across * across) % len(tiles)
    grid = np.asarray(tiles.images)[order].reshape(across, across, size, size, 3)
    whole = grid.transpose(0, 2, 1, 3, 4).reshape(across * size, across * size, 3)
    return np.ascontiguousarray(whole[:side, :side])


def repeated_tiles(material: dict[str, Any], count: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """``count`` test tiles for evaluation: their table, true labels (count, S, S), and each one's source.

    Where the run has fewer, they come again as tiles of images of other names.
    """
    tiles = read_tiles(Path(material["tiles"]) / "test", instances=True, masks=False)
    index = np.arange(count) % len(tiles)
    table = tiles.table.iloc[index].reset_index(drop=True)
    again = np.arange(count) // len(tiles)
    table["image_id"] = [f"{name}-{number}" for name, number in zip(table["image_id"], again, strict=True)]
    table["tile"] = np.arange(count)
    return table, np.asarray(tiles.instances)[index], index
