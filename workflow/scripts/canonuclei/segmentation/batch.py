"""Many images, one after the other: a bad one does not stop the others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..data.listing import picture_stem
from ..errors import DiskError
from .outputs import set_aside
from .segmenter import Segmenter
from .summary import DONE, attempted, joined, summary_of

_CHECKED = ("threshold", "scale", "diameter", "pixel_size")


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
        A row an image, in their order: image, file, status (``done``; ``failed``: bad input; ``crashed``:
        memory, a fault here), count (of nuclei), warnings and error (one line each).

    Raises:
        InputError: an argument that holds for no image, before anything is written.
        DiskError: the results cannot be written; those of images that were done before are there.
    """
    segmenter.check(**{name: options[name] for name in _CHECKED if name in options})
    rows = []
    # one image has a bar of its own, of tiles
    with tqdm(images, unit="image", disable=not progress or len(images) < 2) as bar:
        for path in bar:
            name = picture_stem(path)
            bar.set_postfix_str(name, refresh=False)
            row = {"image": name, "file": str(path), "status": DONE, "count": None, "error": ""}
            folder = Path(output) / name
            try:
                found = segmenter.segment(path, progress=progress, **options)
                found.write(folder, explain)
                row["count"] = len(found.nuclei)
                row["warnings"] = joined(found.metadata["warnings"])
                for warning in found.metadata["warnings"]:
                    tqdm.write(f"{path}: {warning}", file=sys.stderr)
            except DiskError:
                # it would be full for all that follow; what is there stays
                raise
            except Exception as error:
                row = attempted(row, error)
                # results of an earlier call must not pass for those of an image that now fails, nor be lost
                if aside := set_aside(folder):
                    row["error"] += f" (results of an earlier call are now in {aside})"
            rows.append(row)
    return summary_of(rows)
