"""Label images of any other tool, as one more row of the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..data.reader import read_picture
from ..errors import InputError
from .frames import GroundTruth, score
from .matching import labels_to_sparse
from .scores import Rows, score_images

SUFFIXES = (".tif", ".tiff", ".png")
SUPERVISION = "unstated"  # what another tool was told is not ours to say


def score_labels(
    folder: str | Path, name: str, tiles: str | Path, images: str | Path | None = None, processes: int = 1
) -> pd.DataFrame:
    """Scores of a folder of label images, over whole images and cut at the tiles' cells.

    Args:
        folder: holds ``<image_id>.tif`` (or .tiff, .png) for every test image: integers, 0 background.
        name: the approach's name in the tables.
        tiles: folder of the set ``test``.
        images: images.csv with the nuclei counted, for sets without instance labels.
        processes: that images are shared out to.

    Raises:
        InputError: an image is missing, unreadable, no label image, or of another size.
    """
    if not Path(folder).is_dir():
        raise InputError(folder, "no such folder", "name it in the config: evaluation.labels")
    truth, keys = GroundTruth(tiles, images), {"approach": name, "supervision": SUPERVISION}

    def of_image(image: str) -> Rows:
        frames = truth.frames(image)
        found = read_labels(folder, image, frames[-1].mask.shape)
        for frame in frames:
            yield int(frame.scope == "whole"), keys | score(frame, labels_to_sparse(found[frame.place]))

    return score_images(of_image, truth.images, processes)


def read_labels(folder: str | Path, image: str, shape: tuple[int, ...]) -> np.ndarray:
    """The label image of one image, (H, W) integers of the given ``shape``."""
    candidates = [Path(folder) / f"{image}{suffix}" for suffix in SUFFIXES]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise InputError(candidates[0], "no such label image", "give one .tif or .png for every test image")
    # checked before memory is taken, like any other picture
    pixels = read_picture(path, mask=True).pixels
    # labels beyond 16 bit come as float32, which holds whole numbers up to 2**24
    whole = pixels.dtype.kind == "u" or bool((pixels == np.rint(pixels)).all() and pixels.max() < 2**24)
    if pixels.shape[2] != 1 or not whole or pixels.min() < 0:
        raise InputError(path, "not a label image", "write one channel of whole numbers, 0 for background")
    labels = pixels[..., 0].astype(np.int32)
    if labels.shape != shape:
        size, wanted = ("×".join(map(str, one)) for one in (labels.shape, shape))
        raise InputError(path, f"{size} px, the image has {wanted}", "label the image at its own size")
    return labels
