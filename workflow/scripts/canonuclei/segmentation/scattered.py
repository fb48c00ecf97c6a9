"""One job of many: some images segmented, as one call would; and all jobs' tables gathered."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..data.listing import picture_stem
from .batch import segment_images
from .done import forget_done, row_if_done, write_done
from .segmenter import Segmenter
from .summary import (
    COUNTS,
    DONE,
    SUMMARY,
    counts_table,
    read_counted,
    read_summary,
    summary_of,
    write_counted,
    write_table,
)


def segment_job(
    segmenter: Segmenter,
    images: Sequence[Path],
    output: str | Path,
    made: str,
    options: Mapping[str, Any],
) -> pd.DataFrame:
    """Segment the images of a job, but for those that are done already.

    Args:
        segmenter: the model.
        images: files.
        output: folder of all images' results.
        made: of ``done.made_of``: what was made of the same is kept.
        options: of ``batch.segment_images``.

    Returns:
        As ``batch.segment_images``.

    Raises:
        InputError: an option that holds for no image.
    """
    rows = []
    for image in images:
        folder = Path(output) / picture_stem(image)
        if (row := row_if_done(image, folder, made)) is None:
            _clear(folder)
            found = segment_images(segmenter, [image], output, progress=False, **options)
            row = found.iloc[0].to_dict()
            if row["status"] == DONE:
                write_done(folder, made, row)
        rows.append(row)
    return summary_of(rows)


def _clear(folder: Path) -> None:
    """Remove what tells of an earlier job, and what one that was killed left half written."""
    forget_done(folder)
    for partial in folder.glob(".partial-*"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_job(rows: pd.DataFrame, output: str | Path, table: str | Path, counts: str | Path) -> None:
    """What a job tells of its images: its parts of ``summary.csv`` and ``counts.csv``.

    Args:
        rows: of ``segment_job``.
        output: folder of all images' results.
        table, counts: files.
    """
    write_counted(counts_table(output, list(rows["image"])), counts)
    write_table(rows, table)


def gather(tables: Sequence[str | Path], counts: Sequence[str | Path], output: str | Path) -> None:
    """``summary.csv`` and ``counts.csv`` from those of the jobs, the same whatever the jobs were.

    Args:
        tables: of all jobs, in the order of their images.
        counts: of all jobs.
        output: folder of all images' results.
    """
    write_table(read_summary(tables), Path(output) / SUMMARY)
    # as text, for a number that is read and written may come out otherwise
    parts = [read_counted(path) for path in counts]
    write_counted(pd.concat(parts, ignore_index=True).sort_values("image"), Path(output) / COUNTS)
