"""The table of scores: one row for each approach, grid, scope and tile or image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import chain
from operator import itemgetter
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..nuclei.gzip_text import first_line, read_gzip, write_gzip
from ..parallel import ordered_map
from .frames import LOOSE_THRESHOLDS
from .matching import THRESHOLDS

TP = [f"tp_{k}" for k in THRESHOLDS]
KEYS = ["approach", "supervision", "encoder", "grid", "seed"]
PIXELS = ["intersection", "union", "true_pixels", "predicted_pixels"]
LOOSE = [f"any_{side}_{k}" for k in LOOSE_THRESHOLDS for side in ("true", "predicted")]
COLUMNS = [*KEYS, "scope", "image", "tile_y", "tile_x", "look"]
COLUMNS += ["true_nuclei", "predicted_nuclei", *PIXELS, *TP, *LOOSE]
_REMEDY = "remove it: the same command makes it again"
TEXTS = ("approach", "supervision", "encoder", "scope", "image", "look")


Row = dict[str, object]
# An image's rows, each with the number of the block of the table that it stands in
Rows = Iterator[tuple[int, Row]]


def score_images(of_image: Callable[[str], Rows], images: Sequence[str], processes: int = 1) -> pd.DataFrame:
    """The table of scores of images that are scored one by one, on several cores.

    Args:
        of_image: gives an image's rows.
        images: ids, in the order of the table.
        processes: that images are shared out to.

    Returns:
        As ``score_table``: block by block, and in each by image.
    """
    found = ordered_map(lambda image: list(of_image(image)), images, processes)
    return score_table(row for _, row in sorted(chain.from_iterable(found), key=itemgetter(0)))


def score_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Rows of scores as a table with ``COLUMNS``; what a row lacks is empty (Int64 <NA>, or "")."""
    table = pd.DataFrame(list(rows), columns=COLUMNS, dtype=object)
    for name in COLUMNS:
        table[name] = table[name].fillna("").astype(str) if name in TEXTS else table[name].astype("Int64")
    return table


def summable(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores whose sums over rows are those of the pooled metrics.

    ``true_nuclei`` and ``predicted_nuclei`` are emptied where nothing could be matched (no instance labels,
    or pixels only): their sums are F1's denominator. What they say of the count is kept in two more columns,
    ``count_error`` (|predicted − true nuclei|) and ``counted`` (1), empty where one of the two is unknown.
    """
    error = (scores["predicted_nuclei"] - scores["true_nuclei"]).abs()
    found = {"count_error": error, "counted": error.notna().astype("Int64").where(error.notna())}
    matched = scores[TP[0]].notna()
    found |= {name: scores[name].where(matched) for name in ("true_nuclei", "predicted_nuclei")}
    return scores.assign(**found)


def write_scores(path: str | Path, table: pd.DataFrame) -> None:
    """Write scores as ``*.csv.gz``; the same scores give the same bytes."""
    write_gzip(path, table.to_csv(index=False))


def read_scores(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The scores of all files below one another.

    Raises:
        InputError: a file is missing, cut short, or no table of scores.
    """
    types = {name: str if name in TEXTS else "Int64" for name in COLUMNS}
    tables = []
    for path in paths:
        text = StringIO(read_gzip(path, _REMEDY))
        try:
            table = pd.read_csv(text, dtype=types, keep_default_na=False, na_values={c: [""] for c in types})
        except ValueError as error:
            raise InputError(path, f"is no table of scores: {first_line(error)}", _REMEDY) from None
        if list(table.columns) != COLUMNS:
            raise InputError(path, "other columns than a table of scores", _REMEDY)
        for name in TEXTS:
            table[name] = table[name].fillna("")
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else score_table([])
