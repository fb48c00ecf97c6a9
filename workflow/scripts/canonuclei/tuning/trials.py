"""Trials: each changes one thing of another one. Read by the workflow itself, so without pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from ..settings import SECTIONS, overlay, run_settings


def trial_chain(trials: Mapping[str, Any], name: str) -> list[str]:
    """``name`` and what it stands on, the first ancestor first.

    Raises:
        InputError: a trial stands on one that is not there, or on itself.
    """
    chain = [name]
    while (parent := trials[chain[0]].get("base")) is not None:
        where = f"tuning.trials.{chain[0]}.base"
        if parent not in trials:
            raise InputError(where, f"no trial {parent!r}", f"name one of {', '.join(trials)}")
        if parent in chain:
            raise InputError(where, f"{parent!r} stands on this one", "let trials stand on earlier ones")
        chain.insert(0, parent)
    return chain


def trial_run(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a trial trains.

    Args:
        config: the configuration, with the section ``tuning``.
        name: of the trial.

    Returns:
        ``variant``, ``model``, ``encoder``, ``seed``, and ``settings``: the variant's, then the section's
        ``epochs`` and ``tiles_per_epoch``, then the changes of the trials that it stands on, then its own.
    """
    tuning = config["tuning"]
    merged: dict[str, Any] = {}
    for each in trial_chain(tuning["trials"], name):
        merged = overlay(merged, tuning["trials"][each])
    variant = merged.get("variant", tuning["variant"])
    encoder = merged.get("backbone", tuning["encoder"])
    changes = {key: merged[key] for key in SECTIONS if key in merged}
    # as a variant of its own, so that weights are resolved as every run's are
    settings = run_settings(overlay(config, {"variants": {variant: changes}}), variant, encoder)
    short = {key: tuning[key] for key in ("epochs", "tiles_per_epoch")}
    settings = overlay(settings, {"training": {**short, **changes.get("training", {})}})
    settings["alpha"] = float(merged.get("alpha", settings["alpha"]))
    return {
        "variant": variant,
        "model": config["variants"][variant]["model"],
        "encoder": encoder,
        "seed": merged.get("seed", tuning["seed"]),
        "settings": settings,
    }


def change_of(trial: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial itself changes, as dotted keys."""
    changes = {key: trial[key] for key in ("variant", "backbone", "seed", "alpha") if key in trial}
    for section in SECTIONS:
        changes |= {f"{section}.{key}": value for key, value in trial.get(section, {}).items()}
    return changes
