"""Trials: each changes one thing of another one; and the groups of images that none of them trains on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..errors import InputError
from ..settings import SECTIONS, overlay, run_settings

# Keys of a trial that are no settings
ABOUT = ("base", "why", "variant", "seed")
VALIDATION = "validation"


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
    settings = run_settings(config, variant, tuning["encoder"])
    short = {key: tuning[key] for key in ("epochs", "tiles_per_epoch")}
    settings = overlay(settings, {"training": short})
    settings = overlay(settings, {key: merged[key] for key in SECTIONS if key in merged})
    settings["alpha"] = float(merged.get("alpha", settings["alpha"]))
    return {
        "variant": variant,
        "model": config["variants"][variant]["model"],
        "encoder": tuning["encoder"],
        "seed": merged.get("seed", tuning["seed"]),
        "settings": settings,
    }


def change_of(trial: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial itself changes, as dotted keys."""
    changes = {key: trial[key] for key in ("variant", "seed", "alpha") if key in trial}
    for section in SECTIONS:
        changes |= {f"{section}.{key}": value for key, value in trial.get(section, {}).items()}
    return changes


def groups_of(table: pd.DataFrame, hold_out: Mapping[str, list[str]]) -> pd.Series:
    """The held-out group of each tile's image.

    Args:
        table: of tiles, with ``look``, ``image_height`` and ``image_width``.
        hold_out: group → looks, or sizes as height × width in px (``360x360``), of its images.

    Returns:
        (T,) names of groups, "" where the image is of none; the first group wins.
    """
    sizes = table["image_height"].astype(str) + "x" + table["image_width"].astype(str)
    group = pd.Series("", index=table.index)
    for name, values in reversed(hold_out.items()):
        group[table["look"].isin(values) | sizes.isin(values)] = name
    return group
