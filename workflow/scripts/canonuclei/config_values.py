"""What no schema tells of a configuration's values: that they end, are numbers, and are one line of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.validators import extend

from .errors import InputError, one_line

# A configuration has some hundred values; YAML's aliases make a thousand million of a few lines
MOST_VALUES, DEEPEST = 100_000, 20


def _is_whole(_: TypeChecker, value: object) -> bool:
    # jsonschema takes 1.0 for a whole number too; seeds and sizes go into names and shapes
    return isinstance(value, int) and not isinstance(value, bool)


Validator = extend(
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole)
)


def check_values(config: Any) -> None:
    """Check every value, before anything else goes through them.

    Raises:
        InputError: more values than a configuration has, a number that is none, or control characters.
    """
    for number, (where, value) in enumerate(_values(config, ())):
        if number >= MOST_VALUES or len(where) > DEEPEST:
            remedy = "write it without aliases (& and *)"
            raise InputError(_dotted(where[:3]), "holds values without end", remedy)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(_dotted(where), f"is {value}", "write a number")
        # the reasons of trials are prose
        if isinstance(value, str) and one_line(value) != value and where[-1:] != ("why",):
            raise InputError(_dotted(where), f"{value[:60]!r} has control characters", "write it in one line")


def _values(value: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value, that of mappings and lists before those in them, and every key."""
    yield where, value
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield where, key
            yield from _values(entry, (*where, str(key)))
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _values(entry, (*where, str(index)))


def _dotted(where: tuple[str, ...]) -> str:
    return ".".join(where) or "config"
