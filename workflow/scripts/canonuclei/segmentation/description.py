"""``model.json``, checked before a network is made by it: like the weights, it may come from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_json

REMEDY = "give the model.safetensors of a run, with its model.json beside"
SECTIONS = ("input", "network", "loss")
# Of any number in it: none that was ever used comes near, and memory is taken by some of them
_LARGEST = 1e6
# Whole numbers that memory and time grow with, and the least and most that a network of this kind can have
_SIZES = {"tile_size": (16, 4096), "instances_per_cell": (1, 64), "grid": (1, 4096)}
_DIAMETERS = (1.0, 4096.0)
_SCALES = (1 / 16, 16.0)


def read_description(path: Path) -> dict[str, Any]:
    """The content of a model.json: at least ``model``, ``encoder`` and ``settings`` with its sections.

    Raises:
        InputError: missing, no JSON, without one of these, or with a number that no model has.
    """
    try:
        described = read_json(path)
    except FileNotFoundError:
        raise InputError(path, "missing beside the model's weights", REMEDY) from None
    except (OSError, ValueError):
        raise InputError(path, "is no description of a model", REMEDY) from None
    try:
        fault = next(_faults(described), None)
    except RecursionError:
        fault = "nested too deeply"
    if fault is not None:
        raise InputError(path, fault, REMEDY)
    return described


def _faults(described: Any) -> Iterator[str]:
    """What is wrong, the first first: what comes later relies on what was asked before."""
    if not isinstance(described, Mapping):
        yield "is no description of a model"
    for key, kind in (("model", str), ("encoder", str), ("settings", Mapping)):
        if key not in described:
            yield f"does not tell {key}"
        if not isinstance(described[key], kind):
            yield f"{key} is {_shown(described[key])}"
    if described["model"] != "canonical":
        return  # other models have other sections, and segment nothing here: the caller says so
    settings = described["settings"]
    for section in SECTIONS:
        if not isinstance(settings.get(section), Mapping):
            yield f"its settings have no section {section}"
    for section, entry in settings.items():
        if section in ("encoder", "training", "prediction") and not isinstance(entry, Mapping):
            yield f"its section {section} is {_shown(entry)}"
    for key, value in _leaves(settings, "settings"):
        name = key.rpartition(".")[2]
        if isinstance(value, float | int) and not abs(value) <= _LARGEST:
            yield f"{key} is {_shown(value)}"
        if name in _SIZES and not _between(value, *_SIZES[name], int):
            yield f"{key} is {_shown(value)}, not a whole number from {_SIZES[name][0]} to {_SIZES[name][1]}"
    yield from _input_faults(settings["input"])
    told = described.get("training_data")
    if not isinstance(told, Mapping | None):
        yield f"training_data is {_shown(told)}"
    for key, (least, most) in (("scale", _SCALES), ("diameter_median", _DIAMETERS)):
        value = (told or {}).get(key)
        if value is not None and not _between(value, least, most, int | float):
            yield f"training_data.{key} is {_shown(value)}, not from {least:g} to {most:g}"
    for key in ("looks", "quantiles"):
        for place, value in _leaves((told or {}).get(key, {}), f"training_data.{key}"):
            if value is not None and not _between(value, -_LARGEST, _LARGEST, int | float):
                yield f"{place} is {_shown(value)}"


def _input_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(settings.get("normalization"), str):
        yield f"settings.input.normalization is {_shown(settings.get('normalization'))}"
    pair = settings.get("percentiles", [0, 100])
    sound = isinstance(pair, list) and all(_between(each, 0, 100, int | float) for each in pair)
    if not sound or len(pair) != 2 or not pair[0] < pair[1]:
        yield f"settings.input.percentiles is {_shown(pair)}"


def _between(value: object, least: float, most: float, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Values of nested mappings and lists with their dotted names."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(entry, f"{name}.{key}")
    elif isinstance(value, list):
        for entry in value:
            yield from _leaves(entry, name)
    else:
        yield name, value


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a number of many digits"
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
