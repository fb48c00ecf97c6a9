"""Which image some results are of, so that it is known again, and only it, when they are read later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .reader import Picture, read_picture

_REMEDY = "bring it back, or segment again"


def source_of(image: object, picture: Picture) -> dict[str, Any]:
    """``image`` (the file's absolute path, None of an array) and ``image_sha256`` for the metadata.

    Args:
        image: what was given: a path or an array.
        picture: read from it.
    """
    if not isinstance(image, str | Path):
        # shape and type too: bytes alone are the same for a turned image of one grey value
        digest = hashlib.sha256(f"{picture.pixels.shape} {picture.pixels.dtype}".encode())
        digest.update(np.ascontiguousarray(picture.pixels))
        return {"image": None, "image_sha256": digest.hexdigest()}
    path = Path(image).absolute()
    return {"image": str(path), "image_sha256": _digest(path)}


def read_again(metadata: Mapping[str, Any]) -> Picture:
    """The picture that results are of.

    Args:
        metadata: with the entries of ``source_of``.

    Raises:
        InputError: an array; a file that is gone, or no longer the same; one that cannot be read.
    """
    image = metadata.get("image")
    if not image:
        raise InputError("image", "it came as an array, not from a file", "segment it again")
    path = Path(image)
    try:
        digest = _digest(path)
    except OSError:
        raise InputError(path, "it is no longer where it was", _REMEDY) from None
    if digest != metadata.get("image_sha256"):
        raise InputError(path, "the file is not the one that was segmented", _REMEDY)
    return read_picture(path)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
