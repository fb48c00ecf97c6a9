"""What a run's training left in words and numbers, read back: ``model.json`` and ``log.csv``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from .errors import InputError
from .files import read_json

_REMEDY = "train the run again"


def read_description(path: str | Path) -> dict[str, Any]:
    """The content of a run's ``model.json``.

    Raises:
        InputError: missing or damaged.
    """
    try:
        described = read_json(path)
    except FileNotFoundError:
        raise InputError(path, "missing", _REMEDY) from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no description of a model: {error}", _REMEDY) from None
    if not isinstance(described, dict):
        raise InputError(path, "is no description of a model", _REMEDY)
    return described


def read_log(path: str | Path) -> pd.DataFrame:
    """A run's ``log.csv``: a row an epoch, numbers in all columns.

    Raises:
        InputError: missing or damaged.
    """
    try:
        return pd.read_csv(path).apply(pd.to_numeric)
    except FileNotFoundError:
        raise InputError(path, "missing", _REMEDY) from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no log of a training: {error}", _REMEDY) from None
