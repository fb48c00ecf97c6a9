"""Results again at another threshold, from their files, without the network."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ..errors import DiskError
from ..locks import alone
from .assemble import assemble, check_threshold
from .model import KEEP
from .outputs import write_segmentation
from .stored import ABSENT, read_candidates, result_folders
from .summary import COUNTS, DONE, attempted, count_again, joined, summary_of
from .unlike import NOTHING


class Again(NamedTuple):
    """What ``rethreshold`` did.

    Attributes:
        rows: one an image as ``batch.segment_images`` has them (``file`` is its folder); those that failed
            are as they were.
        said: a line for each image that was not at hand, or in which nothing was found.
        before: nuclei that the images that are done had until then.
    """

    rows: pd.DataFrame
    said: list[str]
    before: int


def rethreshold(folder: str | Path, threshold: float) -> Again:
    """Make the files of one image, or of a whole output folder, again at another threshold, in their places.

    From candidates and shape alone, which stay as they are, so that any threshold can be had again; the
    images are read for overlay and intensities where they still are.

    Args:
        folder: of an image, or of a batch.
        threshold: from the least p(z) that the candidates have, to 1.

    Raises:
        InputError: no segmentation there, a threshold out of its range, or a folder that cannot be written
            or that another process is at work in.
        DiskError: the disk is full; each image's results are whole, the old ones or the new ones.
    """
    # "." has neither a name nor a folder above it
    folder = Path(folder).resolve()
    check_threshold(threshold, KEEP)
    folders = result_folders(folder)
    of_many = folders == [folder] and (folder.parent / COUNTS).is_file()
    output = folder.parent if of_many else folder
    with alone(output, "another canonuclei"):
        made = _each(folders, threshold)
        count_again(output)
    return made


def _each(folders: list[Path], threshold: float) -> Again:
    rows, said, before = [], [], 0
    for each in folders:
        row = {"image": each.name, "file": str(each), "status": DONE, "count": None, "error": ""}
        try:
            stored = read_candidates(each)
            found = assemble(stored, threshold)
            write_segmentation(found, each, (each / "explain.html").is_file())
            row |= {"count": len(found.nuclei), "warnings": joined(found.metadata["warnings"])}
            before += stored.metadata["counts"]["count"]
            # what else there is to say was said when the image was segmented
            news = [told for told in found.metadata["warnings"] if told.startswith((ABSENT, NOTHING))]
            said += [f"{each.name}: {told}" for told in news]
        except DiskError:
            raise
        except Exception as error:
            row = attempted(row, error)
        rows.append(row)
    return Again(summary_of(rows), said, before)
