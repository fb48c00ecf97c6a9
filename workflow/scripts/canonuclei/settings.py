"""A run's settings: the config's sections with the variant's own laid over them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

SECTIONS = ("input", "augmentation", "encoder", "network", "loss", "training", "prediction")

# What the names of a run's rows end with, after its label
ENDS = ("+P", "+CC", "+WS")

# All that a kind of network takes from a section; kinds that are not named take all of all
OWN_KEYS = {
    "semantic": {"network": ()},
    "deeplabv3": {"network": ()},
    "maskrcnn": {"network": ("input_size",), "loss": ()},
}


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``over`` laid over it, mapping by mapping; neither is changed."""
    merged = copy.deepcopy(dict(base))
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = overlay(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def plain(value: Any) -> Any:
    """Plain dicts and lists, which jsonschema, YAML and JSON ask for (Snakemake has its own kinds)."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def run_settings(config: Mapping[str, Any], variant: str, encoder: str) -> dict[str, Any]:
    """The settings that training of ``variant`` on ``encoder`` goes by.

    Returns:
        The sections of the config (input, augmentation, …) with the variant's overrides and the run's own
        ``epochs``, ``tile_size`` (px), and ``alpha`` (weight of L_cnt, 0 if the variant names none).
    """
    entry = config["variants"][variant]
    settings = {section: config[section] for section in SECTIONS}
    settings = overlay(settings, {key: value for key, value in entry.items() if key in SECTIONS})
    if (epochs := own_epochs(config, variant, encoder)) is not None:
        settings["training"]["epochs"] = epochs
    weights = settings["encoder"]["weights"]
    # of a mapping; the tiny encoder has none and need not be named
    settings["encoder"]["weights"] = weights.get(encoder, "none") if isinstance(weights, Mapping) else weights
    keep_statistics(settings["encoder"], encoder)
    settings["tile_size"] = config["tiles"]["size"]
    settings["alpha"] = float(entry.get("alpha", 0.0))
    return settings


def own_epochs(config: Mapping[str, Any], variant: str, encoder: str) -> int | None:
    """The epochs that ``runs`` gives ``variant`` on ``encoder``, all its seeds; None: as all others."""
    own = (
        run.get("epochs") for run in config["runs"] if (run["variant"], run["encoder"]) == (variant, encoder)
    )
    return next((epochs for epochs in own if epochs is not None), None)


def keep_statistics(section: dict[str, Any], encoder: str) -> None:
    """Set ``batch_norm`` to train, in place, where there are no pretrained statistics to keep."""
    if encoder == "tiny" or section["weights"] == "none":
        section["batch_norm"] = "train"


def training_settings(settings: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Those of a run's settings that its weights come of: a change of any other retrains nothing.

    Args:
        settings: of ``run_settings``.
        model: the kind of network.

    Returns:
        Without ``prediction``; of ``network`` and ``loss`` only what this kind of network takes.
    """
    chosen = {key: value for key, value in settings.items() if key != "prediction"}
    for section, keys in OWN_KEYS.get(model, {}).items():
        chosen[section] = {key: settings[section][key] for key in keys if key in settings[section]}
    return chosen


def run_names(config: Mapping[str, Any]) -> list[str]:
    """Names of the runs of the config, ``<variant>_<encoder>_s<seed>``, in its order, each once.

    All of ``runs``, or those of them that ``only`` names.
    """
    names = all_runs(config)
    only = config.get("only")
    return names if only is None else [name for name in names if name in only.split()]


def all_runs(config: Mapping[str, Any]) -> list[str]:
    """Names of all runs of the config, those too that ``only`` leaves out."""
    names = (f"{run['variant']}_{run['encoder']}_s{seed}" for run in config["runs"] for seed in run["seeds"])
    return list(dict.fromkeys(names))


def parse_run(run: str) -> tuple[str, str, int]:
    """Variant, encoder and seed of a run's name."""
    variant, encoder, seed = run.rsplit("_", 2)
    return variant, encoder, int(seed.removeprefix("s"))


def supervision(model: str, alpha: float) -> str:
    """What a model was told: ``masks``, ``masks+counts`` or ``instances``."""
    if model == "maskrcnn":
        return "instances"
    return "masks+counts" if alpha > 0 else "masks"
