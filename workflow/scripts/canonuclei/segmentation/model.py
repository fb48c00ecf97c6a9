"""A trained model, ready to segment: its network, how images are normalized for it, and what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models.canonical import CanonicalModel
from ..models.registry import build_model
from ..nuclei.fused import FusedShape
from ..training.records import load_weights
from .description import REMEDY, read_description
from .places import DEFAULT_MODEL

# Tiles of the paper, for descriptions that do not name another size
TILE_SIZE = 128
# What a config's section `prediction` has; descriptions of models do not tell it
KEEP, MERGE_OVERLAP = 0.05, 0.5
# Choices that were no keys yet when older models were described
OLDER = {"heads": "parallel", "position": "cell", "diagonal": "exp"}


@dataclass(frozen=True)
class Model:
    """A canonical model and what segmenting needs to know of it.

    Attributes:
        network: with ``predict(images) -> Instances`` and ``shape``.
        fused: its shape for rendering.
        settings: of its training (``input``, ``training`` …).
        described: the content of its model.json.
        path: of the weights.
        digest: SHA-256 of the weights, hexadecimal.
    """

    network: CanonicalModel
    fused: FusedShape
    settings: Mapping[str, Any]
    described: Mapping[str, Any]
    path: Path
    digest: str

    @property
    def tile_size(self) -> int:
        """Side of a tile in px, as in training."""
        return int(self.settings.get("tile_size", TILE_SIZE))

    @property
    def scale(self) -> float:
        """What the sides of its training images were taken times; 1 where it is not told."""
        return float((self.described.get("training_data") or {}).get("scale") or 1.0)

    @property
    def diameter(self) -> float:
        """Diameter in px of the nuclei that the model is made for: that of its training data, if told."""
        told = (self.described.get("training_data") or {}).get("diameter_median")
        # else the size at which its instances started: the median nucleus, by the choice of that key
        return float(told or 2 * self.settings["network"].get("initial_radius", 8.0))


def load_model(path: str | Path | None = None) -> Model:
    """Load a trained model.

    Args:
        path: ``model.safetensors`` of a run (or its folder), with ``model.json`` beside; None: embedded.

    Raises:
        InputError: missing, damaged, or no canonical model.
    """
    path = DEFAULT_MODEL if path is None else Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        embedded = path == DEFAULT_MODEL
        problem = "the embedded model is missing" if embedded else "no such model"
        raise InputError(path, problem, "install canonuclei again, or name a model" if embedded else REMEDY)
    described = read_description(path.with_suffix(".json"))
    kind = described["model"]
    if kind != "canonical":
        problem = f"a model of kind {kind}, which places no canonical shapes"
        raise InputError(path, problem, "give one of kind canonical, such as a run of ours-cnt")
    settings = dict(described["settings"])
    settings["network"] = {**OLDER, **settings["network"]}
    # the kernel that compiles is training's; loading must not wait for a compiler
    settings["training"] = {**settings.get("training", {}), "compile": False}
    try:
        network = build_model(kind, described["encoder"], settings, None)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError, RuntimeError) as error:
        problem = f"describes no network: {type(error).__name__}: {error}"
        raise InputError(path.with_suffix(".json"), problem, REMEDY) from None
    digest = _digest(path, described)
    load_weights(path, network)
    network.eval()
    return Model(network, FusedShape.proven(network.shape), settings, described, path, digest)


def _digest(path: Path, described: Mapping[str, Any]) -> str:
    """SHA-256 of the weights, which must be the one that their description tells, if it does."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    told = described.get("weights")
    if isinstance(told, Mapping) and told.get("sha256", digest) != digest:
        raise InputError(path, "not the weights that its model.json describes (SHA-256)", REMEDY)
    return digest
