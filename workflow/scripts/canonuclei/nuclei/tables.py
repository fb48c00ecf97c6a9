"""Files of nuclei: ``<run>.csv.gz`` (parameters and measures) and ``<run>.shape.json`` (the shape)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..files import read_json, write_json
from ..models.shape import ShapeMLP, shape_from_weights, shape_weights
from .gzip_text import first_line, read_gzip, write_gzip
from .rows import COLUMNS, KINDS, NUMBERS, PARAMETERS

FRAME = ("tile_y", "tile_x", "tile_size")
# px: of an image, and of a tile in an image that was shrunk sixteenfold
_FARTHEST, _LARGEST_TILE = 2**31, 2**16
# A trained shape's weights are some tens at the most; beyond, float32 does not carry what is made of them
_LARGEST_WEIGHT = 1e6
_REMEDY = "remove it and run the prediction again"


def write_nuclei(
    path: str | Path, table: pd.DataFrame, parameters_only: bool = False, also: Sequence[str] = ()
) -> None:
    """Write a table of nuclei: the same table gives the same bytes.

    Args:
        path: ``*.csv.gz``; replaced as a whole.
        table: rows with ``COLUMNS`` (see ``rows.nuclei_table``); other columns are left out.
        parameters_only: leave the measures out, as in the published tables.
        also: columns to write besides, those that the table has.
    """
    columns = list(PARAMETERS if parameters_only else COLUMNS) + [name for name in also if name in table]
    # 9 significant digits carry a float32 exactly: masks rendered from the file are the same masks
    write_gzip(path, table[columns].to_csv(index=False, float_format="%.9g", lineterminator="\n"))


def read_nuclei(path: str | Path) -> pd.DataFrame:
    """Read a table of nuclei.

    Returns:
        ``PARAMETERS``, and the measures where the file has them (published tables do not:
        ``rows.add_measures`` computes them); ``group`` is Int64, <NA> where an instance has no pixel.

    Raises:
        InputError: the file is missing, cut short, or no table of nuclei.
    """
    text = read_gzip(path, _REMEDY)
    try:
        header = pd.read_csv(StringIO(text), nrows=0).columns
        missing = [name for name in PARAMETERS if name not in header]
        if missing:
            raise InputError(path, f"lacks the column {missing[0]}", _REMEDY)
        # frames of an image that was rescaled are fractions
        floats = {
            name: np.float64 for name in header if name in FRAME or (name in COLUMNS and name not in KINDS)
        }
        table = pd.read_csv(StringIO(text), dtype={**KINDS, **floats}, keep_default_na=False, na_values=[""])
        # what is no place at all is left to the check
        if (table[list(FRAME)] % 1 == 0).all(axis=None) and (table[list(FRAME)].abs() < 2**53).all(axis=None):
            table = table.astype(dict.fromkeys(FRAME, np.int64))
    except (ValueError, OverflowError, TypeError, pd.errors.ParserError) as error:
        raise InputError(path, f"is no table of nuclei: {first_line(error)}", _REMEDY) from None
    _check(path, table)
    return table


def _check(path: str | Path, table: pd.DataFrame) -> None:
    with np.errstate(over="ignore"):
        numbers = table[list(NUMBERS)].to_numpy(np.float32)
    faults = {
        "a parameter is not finite": ~np.isfinite(numbers).all(axis=1),
        "the diagonal of L is not positive": ~((table["l11"] > 0) & (table["l22"] > 0)),
        "p is not in 0…1": ~table["p"].between(0, 1),
        "an id comes twice in an image": table.duplicated(["image", "id"]),
        "tile_size is not positive": ~(table["tile_size"] > 0),
        "tile_size is larger than any tile": ~(table["tile_size"] <= _LARGEST_TILE),
        "a tile lies where no image is": ~(table[["tile_y", "tile_x"]].abs() <= _FARTHEST).all(axis=1),
        "an id is not positive": ~(table["id"] > 0),
    }
    for problem, rows in faults.items():
        if np.any(rows):
            raise InputError(path, f"line {int(np.argmax(rows)) + 2}: {problem}", _REMEDY)


def write_shape(path: str | Path, shape: ShapeMLP, settings: dict[str, Any]) -> None:
    """Write ``*.shape.json``: the 88 weights, then the settings (threshold, normalization, versions …)."""
    write_json(path, {"weights": shape_weights(shape), **settings})


def read_shape(path: str | Path) -> tuple[ShapeMLP, dict[str, Any]]:
    """The shape, and the other entries of its ``*.shape.json``.

    Raises:
        InputError: the file is missing, no JSON, or its weights are not the shape's 88.
    """
    try:
        content = read_json(path)
        shape = shape_from_weights(content.pop("weights"))
        if not all((weights.abs() <= _LARGEST_WEIGHT).all() for weights in shape.state_dict().values()):
            raise ValueError("a weight is not finite, or far too large")
    except FileNotFoundError:
        raise InputError(path, "does not exist", _REMEDY) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, f"is no JSON: {first_line(error)}", _REMEDY) from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}", _REMEDY) from None
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(
            path, f"does not hold the shape's 88 weights: {first_line(error)}", _REMEDY
        ) from None
    return shape, content
