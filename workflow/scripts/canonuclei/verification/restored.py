"""A run that was put back into ``results/<dataset>/`` from what is published: without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_json
from ..provenance import file_digest
from ..settings import parse_run, run_settings, training_settings
from .configuration import differences, flat

# In such a run's folder, in place of its weights: what made.json tells of it (`made`), how it was predicted
# (`prediction`), and the SHA-256 of its model.json (`description`)
RESTORED = "restored.json"
WEIGHTS = "model.safetensors"


def is_restored(folder: str | Path) -> bool:
    """Whether what stands in ``runs/<run>`` was put back: it has no weights, and the published description.

    A run that was trained after it was put back is not, whatever became of its weights.
    """
    folder = Path(folder)
    files = [folder / name for name in (RESTORED, "model.json")]
    if (folder / WEIGHTS).is_file() or not all(file.is_file() for file in files):
        return False
    return _told(folder).get("description") == file_digest(folder / "model.json")


def restored_run(folder: str | Path) -> dict[str, Any]:
    """What ``RESTORED`` says of the run in ``folder``.

    Raises:
        InputError: it was not put back, or the file is damaged.
    """
    folder = Path(folder)
    if not is_restored(folder):
        remedy = "train the run, or put it back: snakemake restore"
        raise InputError(folder, f"has neither {WEIGHTS} nor what stands in its place", remedy)
    return _told(folder)


def _told(folder: Path) -> dict[str, Any]:
    try:
        told = read_json(folder / RESTORED)
        if not isinstance(told["made"], dict):
            raise ValueError("no mapping")
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "delete it and put the run back again: snakemake restore"
        raise InputError(folder / RESTORED, f"damaged: {error}", remedy) from None
    return told


def prediction_of(config: Mapping[str, Any], run: str) -> dict[str, Any]:
    """What a run's nuclei are made with after training: the section ``prediction``, and its rows' label."""
    variant, encoder, _ = parse_run(run)
    settings = run_settings(config, variant, encoder)["prediction"]
    return {"prediction": settings, "label": config["variants"][variant]["label"]}


def changed_settings(settings: Mapping[str, Any], config: Mapping[str, Any], run: str) -> list[str]:
    """What differs between a run's settings of training and those that a configuration gives it, in words."""
    variant, encoder, _ = parse_run(run)
    kind = config["variants"][variant]["model"]
    present = training_settings(run_settings(config, variant, encoder), kind)
    return differences(flat(training_settings(settings, kind)), flat(present))


def changed_since_restored(folder: str | Path, config: Mapping[str, Any], run: str) -> list[str]:
    """What of a configuration is not what a run that was put back was made by, in words."""
    then = restored_run(folder)["prediction"]
    settings = read_json(Path(folder) / "model.json")["settings"]
    return changed_settings(settings, config, run) + differences(flat(then), flat(prediction_of(config, run)))
