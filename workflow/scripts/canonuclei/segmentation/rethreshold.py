"""Results again at another threshold, from their files, without the network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from .assemble import assemble, check_threshold
from .model import KEEP
from .outputs import write_segmentation
from .stored import read_candidates, result_folders
from .summary import DONE, attempted, count_again, summary_of


def rethreshold(folder: str | Path, threshold: float) -> tuple[pd.DataFrame, list[str]]:
    """Make the files of one image, or of a whole output folder, again at another threshold.

    From candidates and shape alone; the images are read for overlay and intensities where they still are.

    Args:
        folder: of an image, or of a batch.
        threshold: from the least p(z) that the candidates have, to 1.

    Returns:
        A row an image as ``batch.segment_images`` has them (``file`` is its folder), where those that failed
        are as they were; and a line for each image that was not at hand.

    Raises:
        InputError: no segmentation there, or a threshold out of its range.
    """
    # "." has neither a name nor a folder above it
    folder = Path(folder).resolve()
    check_threshold(threshold, KEEP)
    folders, rows, absent = result_folders(folder), [], []
    for each in folders:
        row = {"image": each.name, "file": str(each), "status": DONE, "count": None, "error": ""}
        try:
            found = assemble(read_candidates(each), threshold)
            write_segmentation(found, each, (each / "explain.html").is_file())
            row["count"] = len(found.nuclei)
            if found.rgb is None:
                absent.append(f"{each.name}: {found.metadata['warnings'][-1]}")
        except Exception as error:
            row = attempted(row, error)
        rows.append(row)
    count_again(folder.parent if folders == [folder] else folder)
    return summary_of(rows), absent
