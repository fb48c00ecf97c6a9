"""What segmenting an image gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..data.reader import Picture
    from ..models.shape import ShapeMLP


@dataclass
class Segmentation:
    """The nuclei of one image.

    Lengths, areas and places are in pixels of the image as it came, places as (row, column) with whole
    numbers at pixel centres, names and conventions as of ``skimage.measure.regionprops_table``; they are
    of the canonical outline, also where it leaves the image.

    Attributes:
        labels: (H, W) int32, 0 background, else the nucleus's id. Where nuclei overlap, the one with the
            higher p(z) has the pixel (of equal ones the one with the lower id).
        nuclei: a row a nucleus; ``table.columns_of`` lists the columns. ``id`` is the candidate's, the
            same at every threshold, so numbers may be missing.
        candidates: ``nuclei.rows.PARAMETERS`` of every instance with p(z) ≥ ``keep`` whose centre lies
            in its tile's own part of the image, or beside it within a margin; tile frames in pixels of the
            image (fractions, where it was rescaled); ``group`` is the nucleus that it became or joined, <NA>
            where none; and, if it was asked for, ``disagreement`` of those that were nuclei then.
        shape: the canonical shape, from which masks are drawn.
        metadata: thresholds, versions, model, scale, tiles, times, warnings; JSON-able.
        picture: the image, for the intensities, the overlay and the page; None where it is not at hand.
        rgb: (H, W, 3) uint8, the image as the network saw it before rescaling; None as ``picture``.
        unions: of merged nuclei by id their box (y0, x0, y1, x1) and mask.
    """

    labels: np.ndarray
    nuclei: pd.DataFrame
    candidates: pd.DataFrame
    shape: ShapeMLP
    metadata: dict[str, Any]
    picture: Picture | None = field(default=None, repr=False)
    rgb: np.ndarray | None = field(default=None, repr=False)
    unions: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    def at(self, threshold: float) -> Segmentation:
        """The same image at another threshold of p(s) · p(z), without the network.

        Args:
            threshold: from the least p(z) that the candidates have (``metadata["keep"]``) to 1.

        Raises:
            InputError: a threshold out of this range.
        """
        from .assemble import assemble

        return assemble(self, threshold)

    def write(self, folder: str | Path, explain: bool = False, ellipses: bool = False) -> None:
        """Write ``outputs.FILES``: labels, tables, outlines, shape, metadata.

        Args:
            folder: of this image; made if need be.
            explain: write explain.html too.
            ellipses: polygons of ellipses in nuclei.geojson, in place of outlines.
        """
        from .outputs import write_segmentation

        write_segmentation(self, folder, explain, ellipses)
