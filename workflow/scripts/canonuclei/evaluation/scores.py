"""The table of scores: one row for each approach, grid, scope and tile or image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..files import atomic_path
from .frames import LOOSE_THRESHOLDS
from .matching import THRESHOLDS

TP = [f"tp_{k}" for k in THRESHOLDS]
KEYS = ["approach", "supervision", "encoder", "grid", "seed"]
PIXELS = ["intersection", "union", "true_pixels", "predicted_pixels"]
LOOSE = [f"any_{side}_{k}" for k in LOOSE_THRESHOLDS for side in ("true", "predicted")]
COLUMNS = [*KEYS, "scope", "image", "tile_y", "tile_x", "look"]
COLUMNS += ["true_nuclei", "predicted_nuclei", *PIXELS, *TP, *LOOSE]
TEXTS = ("approach", "supervision", "encoder", "scope", "image", "look")


def score_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Rows of scores as a table with ``COLUMNS``; what a row lacks is empty (Int64 <NA>, or "")."""
    table = pd.DataFrame(list(rows), columns=COLUMNS, dtype=object)
    for name in COLUMNS:
        table[name] = table[name].fillna("").astype(str) if name in TEXTS else table[name].astype("Int64")
    return table


def write_scores(path: str | Path, table: pd.DataFrame) -> None:
    """Write scores as ``*.csv.gz``; the same scores give the same bytes."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, compression={"method": "gzip", "mtime": 0})


def read_scores(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The scores of all files below one another."""
    types = {name: str if name in TEXTS else "Int64" for name in COLUMNS}
    tables = []
    for path in paths:
        table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values={c: [""] for c in types})
        if list(table.columns) != COLUMNS:
            raise InputError(path, "other columns than a table of scores", "make it again: rule `evaluate`")
        for name in TEXTS:
            table[name] = table[name].fillna("")
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else score_table([])
