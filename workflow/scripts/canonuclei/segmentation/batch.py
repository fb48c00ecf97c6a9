"""Many images, one after the other: a bad one does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..data.listing import picture_stem
from ..errors import InputError
from ..files import atomic_path
from .outputs import write_counts
from .segmenter import Segmenter

SUMMARY = "summary.csv"
COLUMNS = ("image", "file", "status", "count", "error")


def segment_images(
    segmenter: Segmenter,
    images: Sequence[Path],
    output: str | Path,
    *,
    explain: bool = True,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Segment images and write each one's files into ``output/<name>/``.

    Args:
        segmenter: the model.
        images: of ``places.images_of``.
        output: folder; made if need be.
        explain: write explain.html for each.
        progress: show a bar.
        options: of ``Segmenter.segment``.

    Returns:
        A row an image, in their order: image, file, status (``done`` or ``failed``), count (of nuclei) and
        error (one line). Only an InputError of an argument ends it all, since it holds for every image.
    """
    rows = []
    # one image has a bar of its own, of tiles
    with tqdm(images, unit="image", disable=not progress or len(images) < 2) as bar:
        for path in bar:
            name = picture_stem(path)
            bar.set_postfix_str(name, refresh=False)
            row = {"image": name, "file": str(path), "status": "done", "count": None, "error": ""}
            folder = Path(output) / name
            # results of an earlier call must not pass for those of an image that now fails
            (folder / "metadata.json").unlink(missing_ok=True)
            try:
                found = segmenter.segment(path, progress=progress, **options)
                found.write(folder, explain)
                row["count"] = len(found.nuclei)
            except InputError as error:
                if error.where in ("threshold", "scale", "diameter", "pixel_size"):
                    raise
                row |= {"status": "failed", "error": str(error)}
            except Exception as error:
                # whatever else an image brings about (memory, disk, a fault here) must not cost the others
                text = " ".join(str(error).split())
                row |= {"status": "failed", "error": f"{path}: {type(error).__name__}: {text}"}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"count": "Int64"})


def write_summary(rows: pd.DataFrame, output: str | Path, alone: bool = False) -> None:
    """``summary.csv`` and ``counts.csv`` of an output folder.

    Args:
        rows: of ``segment_images``.
        output: the folder.
        alone: count these images only, not those of earlier calls whose results lie there too.
    """
    with atomic_path(Path(output) / SUMMARY) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")
    write_counts(output, set(rows["image"]) if alone else None)


def read_summary(paths: Sequence[str | Path]) -> pd.DataFrame:
    """The rows of tables that ``segment_images`` gave, one after the other."""
    kinds = {"image": str, "file": str, "status": str, "error": str, "count": "Int64"}
    tables = [
        pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={"count": [""]}) for path in paths
    ]
    return pd.concat(tables, ignore_index=True)


def failures(rows: pd.DataFrame) -> list[str]:
    """One line for each image that failed, and one that counts them; none where all are done."""
    failed = rows[rows["status"] != "done"]
    if not len(failed):
        return []
    last = f"{len(failed)} of {len(rows)} images failed; the others are done ({SUMMARY} lists all)."
    return [*(f"Error: {error}" for error in failed["error"]), last]
