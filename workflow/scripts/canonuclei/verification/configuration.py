"""What two configurations have in common, of the keys that change a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Where files lie, not what is in them: digests of the data tell that
PLACES = ("source", "data.images", "data.masks", "data.counts", "data.split", "evaluation.labels")
# Of other targets than `all`
ELSEWHERE = ("images", "model", "segment", "benchmarks", "tuning", "strict")
GIVEN = "given"
NOT_PLACES = (None, "simulated", "components", "labels")


def relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their dotted keys, without those that change nothing in ``results/<dataset>/``.

    Left out are other targets' sections, variants that no run has, the simulator's where nothing is
    simulated; of paths only whether there is one.
    """
    own = config.get("data", {}).get("kind") == "folder"
    chosen = {key: value for key, value in config.items() if key not in ELSEWHERE}
    if not own:
        chosen.pop("data", None)
    if own or config.get("source") != "simulated":
        chosen.pop("simulation", None)
    used = {run["variant"] for run in config.get("runs", ())}
    chosen["variants"] = {key: value for key, value in config.get("variants", {}).items() if key in used}
    return {key: _place(key, value) for key, value in flat(chosen).items()}


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between the results' configuration and the present one, a few words each.

    Args:
        then, now: of ``relevant``, or settings by ``flat``.
    """
    told = []
    for key in sorted({*then, *now}):
        if key not in now:
            told.append(f"{key} was {_short(then[key])}, is no key any more")
        elif key not in then:
            told.append(f"{key} is new ({_short(now[key])})")
        elif then[key] != now[key]:
            told.append(f"{key} was {_short(then[key])}, is {_short(now[key])}")
    return told


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values in nested mappings by their dotted keys; tuples as lists."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        key = f"{prefix}{name}"
        if isinstance(each, Mapping) and each:
            found |= flat(each, f"{key}.")
        else:
            found[key] = list(each) if isinstance(each, tuple) else each
    return found


def few(told: Sequence[str], most: int = 3) -> str:
    """Words in one line, the first of them if they are many."""
    more = f"; and {len(told) - most} more" if len(told) > most else ""
    return "; ".join(told[:most]) + more


def _place(key: str, value: Any) -> Any:
    is_place = any(key == place or key.startswith(f"{place}.") for place in PLACES)
    return GIVEN if is_place and value not in (*NOT_PLACES, {}) else value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
