"""Rows that need no training: Otsu's threshold, and oracles that are told the true mask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .ellipses import moment_ellipses
from .frames import Frame, GroundTruth, score
from .matching import drop_empty, labels_to_sparse
from .predicted import Predicted, Predictions
from .scores import Row, Rows, score_images
from .watershed import Basins, distance_watershed, otsu_mask

OTSU = {"approach": "Otsu+WS", "supervision": "none"}


def otsu_predictions(truth: GroundTruth, distance: int) -> Predictions:
    """What ``Otsu+WS`` finds in an image, over its tiles and then over the whole of it.

    The threshold is one for an image, and its nuclei are cut at the tiles' cells.

    Args:
        truth: of the set ``test``.
        distance: px between the markers of +WS.
    """
    keys = {"encoder": None, "grid": None, "seed": None} | OTSU

    def of_image(image: str) -> Iterator[Predicted]:
        found = distance_watershed(otsu_mask(truth.picture(image)), distance)
        for frame in truth.frames(image):
            # all tiles of all images stand before the first whole image
            block = int(frame.scope == "whole")
            yield Predicted(block, keys, frame, labels_to_sparse(found[frame.place]))

    return of_image


def score_references(
    tiles: str | Path, distance: int, images: str | Path | None = None, processes: int = 1
) -> pd.DataFrame:
    """Scores of ``Otsu+WS`` and of the oracles, over tiles and over whole images.

    Oracles work on the true mask of the tile (or image), and are then clipped to the tile's cell. Without
    instance labels the oracles that want them (+K, ellipse) have no rows.

    Args:
        tiles: folder of the set ``test``.
        distance: px between the markers of +WS.
        images: images.csv with the nuclei counted, for sets without instance labels.
        processes: that images are shared out to.
    """
    truth = GroundTruth(tiles, images)
    otsu = otsu_predictions(truth, distance)

    def of_image(image: str) -> Rows:
        for found in otsu(image):
            yield found.block, OTSU | score(found.frame, found.nuclei)
        for frame in truth.frames(image):
            for place, row in enumerate(_oracle_rows(frame, distance)):
                yield 2 + 2 * place + (frame.scope == "whole"), row

    return score_images(of_image, truth.images, processes)


def _oracle_rows(frame: Frame, distance: int) -> list[Row]:
    basins = Basins(frame.mask)
    found = {"Oracle mask+CC": basins.components, "Oracle mask+WS": basins.by_distance(distance)}
    if frame.labels is not None:
        found["Oracle mask+K"] = basins.by_count(len(np.unique(frame.labels[frame.mask])))
    masks = {name: labels_to_sparse(frame.crop(labels)) for name, labels in found.items()}
    if frame.labels is not None:
        inside = frame.crop(np.arange(frame.labels.size).reshape(frame.labels.shape)).ravel()
        masks["Oracle ellipse"] = drop_empty(moment_ellipses(frame.labels)[:, inside])
    oracle = {"supervision": "oracle"}
    return [{"approach": name} | oracle | score(frame, own) for name, own in masks.items()]
