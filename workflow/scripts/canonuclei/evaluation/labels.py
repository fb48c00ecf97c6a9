"""Label images of any other tool, as one more row of the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..data.listing import picture_stem
from ..data.reader import nearest, read_picture, scaled_shape
from ..errors import InputError
from .frames import GroundTruth, read_table, score
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
    scales = read_table(tiles).groupby("image_id")["scale"].first()
    files = label_files(folder)

    def of_image(image: str) -> Rows:
        frames = truth.frames(image)
        if image not in files:
            wanted = Path(folder) / f"{image}.tif"
            raise InputError(wanted, "no such label image", "give one .tif or .png for every test image")
        found = read_labels(files[image], frames[-1].mask.shape, float(scales[image]))
        for frame in frames:
            yield int(frame.scope == "whole"), keys | score(frame, labels_to_sparse(found[frame.place]))

    return score_images(of_image, truth.images, processes)


def label_files(folder: str | Path) -> dict[str, Path]:
    """Image → its file in a folder of label images; a TIFF rather than a PNG of the same name."""
    files = (path for path in Path(folder).iterdir() if not path.name.startswith("."))
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES and path.is_file()]
    pictures.sort(key=lambda path: (SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return {picture_stem(path): path for path in pictures}


def read_labels(path: Path, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """A label image, (H, W) integers.

    Args:
        path: of the image's own size, or of the size that it was rescaled to.
        shape: (H, W) of the image in the tiles.
        scale: pixels of the tiles a pixel of the image (``data.scale``).

    Raises:
        InputError: unreadable, no label image, or of another size.
    """
    # checked before memory is taken, like any other picture
    pixels = read_picture(path, mask=True).pixels
    # labels beyond 16 bit come as float32, which holds whole numbers up to 2**24
    whole = pixels.dtype.kind == "u" or bool((pixels == np.rint(pixels)).all() and pixels.max() < 2**24)
    if pixels.shape[2] != 1 or not whole or pixels.min() < 0:
        raise InputError(path, "not a label image", "write one channel of whole numbers, 0 for background")
    labels = pixels[..., 0].astype(np.int32)
    if labels.shape != shape and scaled_shape(labels.shape, scale) == shape:
        labels = nearest(labels, shape)
    if labels.shape != shape:
        size, wanted = ("×".join(map(str, one)) for one in (labels.shape, shape))
        rescaled = f", rescaled by {scale:g}," if scale != 1 else ""
        raise InputError(
            path, f"{size} px, the image{rescaled} has {wanted}", "label the image at its own size"
        )
    return labels
