"""``summary.csv`` and ``counts.csv`` of a folder of results."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from ..cells import guarded, unguarded
from ..errors import InputError
from ..files import atomic_path
from ..words import many
from .stored import read_metadata

SUMMARY = "summary.csv"
COUNTS = "counts.csv"
COLUMNS = ("image", "file", "status", "count", "warnings", "error")
# Names and sentences, which a spreadsheet must not take for formulas
TEXTS, COUNTED_TEXTS = ("image", "file", "warnings", "error"), ("image", "warnings")
# Of an image: bad input, and whatever else went wrong, which may go right another time
DONE, FAILED, CRASHED = "done", "failed", "crashed"
_COUNTED = ("image", "count", "merged", "touching_border", "doubtful", "threshold", "scale", "warnings")
_log = logging.getLogger(__name__)


def attempted(row: dict[str, object], error: Exception) -> dict[str, object]:
    """A row with what kept its image from being done."""
    if isinstance(error, InputError):
        return row | {"status": FAILED, "error": str(error)}
    # whatever else an image brings about (memory, a fault here) must not cost the others
    text = " ".join(str(error).split())
    return row | {"status": CRASHED, "error": f"{row['file']}: {type(error).__name__}: {text}"}


def summary_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Rows as a table: image, file, status, count (of nuclei), warnings (``joined``), error (one line)."""
    rows = [{"warnings": "", **row} for row in rows]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"count": "Int64"})


def joined(warnings: Sequence[str]) -> str:
    """Warnings in one line, with ``; `` between them and in none: metadata.json has them word for word."""
    return "; ".join(" ".join(warning.split()).replace(";", ",") for warning in warnings)


def write_table(rows: pd.DataFrame, path: str | Path) -> None:
    """A table of ``summary_of`` as CSV; bytes of a file name that are no UTF-8 are written as ``\\udce4``."""
    with atomic_path(path) as temporary:
        rows = rows.assign(**{name: guarded(rows[name]) for name in TEXTS})
        rows.to_csv(temporary, index=False, lineterminator="\n", errors="backslashreplace")


def write_summary(rows: pd.DataFrame, output: str | Path, alone: bool = False) -> None:
    """``summary.csv`` and ``counts.csv`` of an output folder.

    Args:
        rows: of ``batch.segment_images``.
        output: the folder.
        alone: count these images only, not those of earlier calls whose results lie there too.
    """
    write_table(rows, Path(output) / SUMMARY)
    write_counts(output, set(rows["image"]) if alone else None)


def read_summary(paths: Sequence[str | Path]) -> pd.DataFrame:
    """The rows of tables that ``segment_images`` gave, one after the other."""
    kinds = {name: "Int64" if name == "count" else str for name in COLUMNS}
    tables = [
        pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={"count": [""]}) for path in paths
    ]
    # tables of before the column had no warnings
    table = pd.concat(tables, ignore_index=True).reindex(columns=list(COLUMNS), fill_value="")
    table = table.fillna({"warnings": ""})
    return table.assign(**{name: unguarded(table[name]) for name in TEXTS})


def write_counts(output: str | Path, names: set[str] | None = None) -> pd.DataFrame:
    """``counts.csv`` of all images (or those named) whose results lie in an output folder; returns it."""
    table = counts_table(output, names)
    write_counted(table, Path(output) / COUNTS)
    return table


def counts_table(output: str | Path, names: Collection[str] | None = None) -> pd.DataFrame:
    """The rows of ``counts.csv``, by name, of all images (or those named) whose results lie in a folder."""
    folder = Path(output)
    # those named are looked for one by one: there may be 100,000 others
    named = (folder / name / "metadata.json" for name in names or ())
    paths = folder.glob("*/metadata.json") if names is None else filter(Path.is_file, named)
    rows = []
    for path in sorted(paths):
        try:
            metadata = read_metadata(path.parent)
        except InputError as error:
            _log.warning("not in %s: %s", COUNTS, error)
            continue
        rows.append([path.parent.name, *(metadata["counts"][key] for key in _COUNTED[1:5])])
        rows[-1] += [metadata["threshold"], metadata["scale"], joined(metadata["warnings"])]
    return pd.DataFrame(rows, columns=list(_COUNTED))


def write_counted(table: pd.DataFrame, path: str | Path) -> None:
    """A table of ``counts_table`` as CSV."""
    table = table.assign(**{name: guarded(table[name]) for name in COUNTED_TEXTS})
    with atomic_path(path) as temporary:
        table.to_csv(
            temporary, index=False, float_format="%.9g", lineterminator="\n", errors="backslashreplace"
        )


def read_counted(path: str | Path) -> pd.DataFrame:
    """The rows of ``counts.csv``, all as they are written there."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.assign(**{name: unguarded(table[name]) for name in COUNTED_TEXTS})


def count_again(output: Path) -> None:
    """``counts.csv``, counts and warnings in ``summary.csv``, after results have changed; no new files."""
    if not (output / COUNTS).is_file():
        return
    counts = write_counts(output).set_index("image")
    if (output / SUMMARY).is_file():
        rows = read_summary([output / SUMMARY])
        done = (rows["status"] == DONE) & rows["image"].isin(counts.index)
        rows.loc[done, "count"] = rows.loc[done, "image"].map(counts["count"]).astype("Int64")
        rows.loc[done, "warnings"] = rows.loc[done, "image"].map(counts["warnings"])
        write_table(rows, output / SUMMARY)


def failures(rows: pd.DataFrame, others: str = f"the others are done ({SUMMARY} lists all)") -> list[str]:
    """One line for each image that failed, and one that counts them; none where all are done."""
    failed = rows[rows["status"] != DONE]
    if not len(failed):
        return []
    rest = f"; {others}" if len(failed) < len(rows) else ""
    last = f"{len(failed)} of {many(len(rows), 'image')} failed{rest}."
    return [*(f"Error: {error}" for error in failed["error"]), last]


def undone(tables: Sequence[str | Path], output: str | Path) -> list[Path]:
    """Those of the jobs' tables with an image that crashed, or whose results are no longer there.

    Args:
        tables: of jobs.
        output: the folder of results.
    """
    again = []
    for table in map(Path, tables):
        rows = read_summary([table])
        there = [(Path(output) / name / "metadata.json").is_file() for name in rows["image"]]
        if ((rows["status"] == CRASHED) | ((rows["status"] == DONE) & ~pd.Series(there, dtype=bool))).any():
            again.append(table)
    return again
