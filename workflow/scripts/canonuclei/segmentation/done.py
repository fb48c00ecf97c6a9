"""That an image is done, written beside its results: a job that starts again does only what is missing."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..files import read_json, write_json
from .outputs import FILES

# Beside the results of an image; written when all of them are there
DONE_FILE = ".done.json"
_METADATA = "metadata.json"


def made_of(code: str, options: object, files: list[str]) -> str:
    """Digest of all that results depend on, beside the image.

    Args:
        code: digest of the library's code.
        options: of segmenting, as JSON can hold them.
        files: of the model.
    """
    digest = hashlib.sha256(json.dumps([code, options], sort_keys=True).encode())
    for file in files:
        digest.update(hashlib.sha256(Path(file).read_bytes()).digest())
    return digest.hexdigest()


def row_if_done(image: Path, folder: Path, made: str) -> dict[str, Any] | None:
    """The image's row of ``batch.segment_images``; None where it is to be segmented (again).

    It is done where the results are those that were written, for this very image, from the same.

    Args:
        image: the file.
        folder: of its results.
        made: of ``made_of``.
    """
    try:
        told = read_json(folder / DONE_FILE)
        known = read_json(folder / _METADATA)
        if (
            told["made"] != made
            or told["results"] != _state(folder)
            or known["image"] != str(image.absolute())
        ):
            return None
        with open(image, "rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == known["image_sha256"]
        return told["row"] | {"file": str(image)} if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_done(folder: Path, made: str, row: dict[str, Any]) -> None:
    """Write that an image is done; arguments as above, and its row."""
    # a disk that is full costs a later job some time, not this one its results
    with suppress(OSError):
        told = {"made": made, "row": row | {"count": int(row["count"])}, "results": _state(folder)}
        write_json(folder / DONE_FILE, told)


def forget_done(folder: Path) -> None:
    """The image is about to be segmented: whatever becomes of it, it is no longer as it was."""
    with suppress(OSError):
        (folder / DONE_FILE).unlink(missing_ok=True)


def _state(folder: Path) -> dict[str, Any]:
    """Sizes of an image's results, and the digest of the file that is written last."""
    sizes = {name: (folder / name).stat().st_size for name in FILES if (folder / name).is_file()}
    return {"sizes": sizes, "metadata": hashlib.sha256((folder / _METADATA).read_bytes()).hexdigest()}
