"""Rows that need no training: Otsu's threshold, and oracles that are told the true mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .ellipses import moment_ellipses
from .frames import Frame, assembled, image_frames, score, tile_frames
from .matching import drop_empty, labels_to_sparse
from .scores import score_table
from .watershed import components, count_watershed, distance_watershed, otsu_mask


def score_references(tiles: str | Path, distance: int) -> pd.DataFrame:
    """Scores of ``Otsu+WS`` and of the oracles, over tiles and over whole images.

    Oracles work on the true mask of the tile (or image), and are then clipped to the tile's cell. Otsu's
    threshold is one for an image, and its nuclei are cut at the tiles' cells.

    Args:
        tiles: folder of the set ``test``.
        distance: px between the markers of +WS.
    """
    frames = [*tile_frames(tiles), *image_frames(tiles)]
    return score_table([*_otsu_rows(tiles, frames, distance), *_oracle_rows(frames, distance)])


def _otsu_rows(tiles: str | Path, frames: list[Frame], distance: int) -> Iterator[dict[str, object]]:
    found = {
        image: distance_watershed(otsu_mask(pixels), distance)
        for image, _, pixels in assembled(tiles, "images.npy")
    }
    for frame in frames:
        predicted = labels_to_sparse(found[frame.image][frame.place])
        yield {"approach": "Otsu+WS", "supervision": "none"} | score(frame, predicted)


def _oracle_rows(frames: list[Frame], distance: int) -> Iterator[dict[str, object]]:
    oracles: dict[str, Callable[[Frame], np.ndarray]] = {
        "Oracle mask+CC": lambda frame: components(frame.labels > 0),
        "Oracle mask+WS": lambda frame: distance_watershed(frame.labels > 0, distance),
        "Oracle mask+K": lambda frame: count_watershed(frame.labels > 0, frame.k),
    }
    for name, method in oracles.items():
        for frame in frames:
            predicted = labels_to_sparse(frame.crop(method(frame)))
            yield {"approach": name, "supervision": "oracle"} | score(frame, predicted)
    for frame in frames:
        inside = frame.crop(np.arange(frame.labels.size).reshape(frame.labels.shape)).ravel()
        predicted = drop_empty(moment_ellipses(frame.labels)[:, inside])
        yield {"approach": "Oracle ellipse", "supervision": "oracle"} | score(frame, predicted)
