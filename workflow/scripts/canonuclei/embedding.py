"""Makes the embedded default model of a finished run: weights, their description, a model card."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .data.tiles import read_tiles
from .errors import InputError
from .evaluation.preface import PAPER_EPOCHS
from .files import atomic_path, read_json, write_json
from .model_card import card
from .models.registry import build_model
from .settings import overlay
from .training.records import load_weights
from .training.summary import describe_training

LARGEST = 20e6  # bytes of weights that a repository can carry
# What the code did before it had these keys, where their defaults do otherwise
BEFORE = {
    "input": {"polarity": "as_is"},
    "encoder": {"batch_norm": "train"},
    "network": {"feature_scale": None},
}
# What the description takes over from the run's model.json, where it is told there
TAKEN = ("run", "variant", "model", "encoder", "seed", "supervision", "shape", "parameters", "training_tiles")
MADE = ("steps", "seconds", "device", "processor", "versions", "revision", "code")
TABLES = ("table1", "table1_whole", "table1_by_look")


@dataclass(frozen=True)
class Run:
    """A finished run with what the rest of its pipeline made of it.

    Attributes:
        folder: ``results/<dataset>/runs/<run>``.
        described: its model.json.
        label: of its rows in the tables.
        tables: by name (``TABLES``), each possibly empty: what was measured.
        split: rows of split.csv (``image_id, subset, split``), possibly empty.
    """

    folder: Path
    described: Mapping[str, Any]
    label: str
    tables: Mapping[str, pd.DataFrame]
    split: pd.DataFrame

    @property
    def dataset(self) -> str:
        """Name of the folder in results/."""
        return self.folder.resolve().parents[1].name


def read_run(folder: str | Path) -> Run:
    """Read what a run and its pipeline left.

    Raises:
        InputError: not the folder of a finished run, or a run that cannot be embedded.
    """
    folder = Path(folder)
    for name in ("model.safetensors", "model.json"):
        if not (folder / name).is_file():
            raise InputError(
                folder / name, "missing", "name the folder of a finished run, results/<dataset>/runs/<run>"
            )
    described = read_json(folder / "model.json")
    if described["model"] != "canonical" or described["supervision"] == "instances":
        kind = f"{described['model']}, told {described['supervision']}"
        raise InputError(folder, f"a run of kind {kind}", "embed a weakly supervised canonical one")
    if (size := (folder / "model.safetensors").stat().st_size) > LARGEST:
        raise InputError(
            folder, f"{size / 1e6:.0f} MB of weights", "embed a run of efficientnet-lite0: at most 20 MB"
        )
    results = folder.resolve().parents[1]
    shape = results / "nuclei" / f"{folder.name}.shape.json"
    label = described.get("label") or (read_json(shape)["label"] if shape.is_file() else described["variant"])
    tables = {name: _table(results / f"{name}.csv") for name in TABLES}
    return Run(folder, described, label, tables, _table(results / "split.csv"))


def embed(run: Run, defaults: Mapping[str, Any], target: Path, commit: str | None = None) -> dict[str, Any]:
    """Write ``<target>.safetensors``, ``.json`` and ``.md``.

    Args:
        run: the finished run.
        defaults: sections of the config, for settings that the run's own model.json is too old to name.
        target: ``…/models/default``.
        commit: of the code that trained the run, where the run does not tell it.

    Returns:
        The description.

    Raises:
        InputError: the weights are not of the described network.
    """
    described = describe(run, defaults, commit)
    weights = run.folder / "model.safetensors"
    model = build_model(described["model"], described["encoder"], described["settings"], None)
    load_weights(weights, model)
    described["weights"] = {
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    with atomic_path(target.with_suffix(".safetensors")) as temporary:
        shutil.copyfile(weights, temporary)
    write_json(target.with_suffix(".json"), described)
    with atomic_path(target.with_suffix(".md")) as temporary:
        temporary.write_text(card(described, run.tables), encoding="utf-8")
    return described


def describe(run: Run, defaults: Mapping[str, Any], commit: str | None = None) -> dict[str, Any]:
    """The content of ``default.json``, without the weights' digest; arguments as of ``embed``."""
    told = run.described
    # of a run's sections, those that its network and its prediction go by
    base = {name: defaults[name] for name in ("input", "encoder", "network", "loss", "prediction")}
    base["tile_size"] = 128
    settings = overlay(overlay(base, BEFORE), told["settings"])
    completed = sorted(set(_keys(settings)) - set(_keys(told["settings"])))
    # as Batches counts the steps of an epoch
    tiles, batch = told["training_tiles"], settings["training"]["batch_size"]
    full = PAPER_EPOCHS * max(1, tiles // max(1, min(batch, tiles)))
    return {
        "label": length_label(told["steps"], full),
        "approach": run.label,
        **{key: told[key] for key in TAKEN if key in told},
        "steps_of_paper": full,
        **{key: told.get(key) for key in MADE},
        "revision": told.get("revision") or commit,
        "data": {"dataset": run.dataset, "split": _split(run.split)},
        "training_data": told.get("training_data") or _training_data(run),
        "settings": settings,
        # keys newer than the run, at what the code did before it had them
        "settings_completed": completed,
    }


def length_label(steps: int, full: int) -> str:
    """What a user must know of a model first: whether it was trained for as long as the paper's."""
    if steps >= full:
        return f"full-length model: {steps:,} steps"
    return f"short-run model: {steps:,} steps of {full:,} (50 epochs); expect many errors"


def _training_data(run: Run) -> dict[str, Any] | None:
    folder = run.folder.resolve().parents[1] / "tiles" / "train"
    if not folder.is_dir():
        return None
    return describe_training(read_tiles(folder), run.described["supervision"] == "masks+counts")


def _split(split: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Images of every subset in train, val and test."""
    if not len(split):
        return {}
    counts = split.groupby(["split", "subset"]).size()
    names = [name for name in ("train", "val", "test") if name in counts.index.get_level_values(0)]
    return {name: {str(subset): int(n) for subset, n in counts[name].items()} for name in names}


def _keys(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of all values."""
    found = []
    for name, value in settings.items():
        found += _keys(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [prefix + name]
    return found


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
