"""Many images as jobs of a workflow: which images a job has, told from their names alone.

Needs neither NumPy nor torch and opens no image, for the workflow itself asks where it plans.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from ..data.listing import SUFFIXES, picture_stem
from ..errors import InputError
from .places import DEFAULT_MODEL, images_of

# Of the config's section `segment`: on these results depend
OPTIONS = ("channel", "scale", "diameter", "threshold", "pixel_size", "doubt", "explain")
_CALL = "snakemake segment --config images=<folder of PNG, TIFF or OME-TIFF images>"


@functools.cache
def planned_jobs(images: str | None, most: int) -> dict[str, list[Path]]:
    """The images of each job of a folder of images, or of one image; listed once.

    Args:
        images: the config's key of that name.
        most: images a job.

    Raises:
        InputError: no such folder or file, no image in it, or names that results cannot be called after.
    """
    if not images:
        raise InputError("images", "no folder of images is named", _CALL)
    place = Path(images)
    if not place.exists():
        raise InputError(place, "no such folder or image", _CALL)
    if place.is_file() and not place.name.lower().endswith(SUFFIXES):
        raise InputError(place, "not called as a PNG or TIFF image", _CALL)
    return jobs_of(images_of([place]), most)


def jobs_of(images: Sequence[Path], most: int) -> dict[str, list[Path]]:
    """Images by the name of their job, in order.

    A job ends behind an image whose name's digest says so (one in ``most`` does) or when it is full: one
    image more or less changes the jobs beside it and not all that follow, so that these need not run again.
    A job is called after its first image.

    Args:
        images: of ``places.images_of``, whose stems differ.
        most: images a job; two thirds of that on average.
    """
    jobs: dict[str, list[Path]] = {}
    job: list[Path] = []
    for path in images:
        digest = hashlib.sha256(picture_stem(path).encode()).hexdigest()
        if not job:
            jobs[digest[:16]] = job
        job.append(path)
        if len(job) == most or int(digest[16:32], 16) % most == 0:
            job = []
    return jobs


def images_in(images: str | None, most: int, job: str) -> list[str]:
    """The images of a job of ``planned_jobs``.

    Raises:
        InputError: it is none any more.
    """
    jobs = planned_jobs(images, most)
    if job not in jobs:
        remedy = "give the same command again: what is done is kept"
        raise InputError(str(images), "images came or went since the jobs were planned", remedy)
    return [str(path) for path in jobs[job]]


def state_of(images: Sequence[str | Path]) -> str:
    """Digest of the names, sizes and times of files: another one once a file was replaced. None is opened.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for image in images:
        digest.update(os.fsencode(image) + b"\0")
        try:
            told = os.stat(image)
            digest.update(f"{told.st_size} {told.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(b"gone\n")
    return digest.hexdigest()[:16]


def model_files(model: str | None, made: Collection[str] = ()) -> list[str]:
    """Weights and description of the model that segments.

    Weights that are there come with their whole path, by which no rule knows them: they are used as they
    are, and never trained anew for the sake of some images.

    Args:
        model: ``model.safetensors`` of a run, or its folder; None: the embedded one.
        made: weights that the workflow could make, as paths.

    Raises:
        InputError: not there, and none of ``made``.
    """
    path = Path(model) if model else DEFAULT_MODEL
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        if (known := os.path.normpath(path)) not in made:
            remedy = "name the model.safetensors of a run, or none for the embedded model"
            raise InputError(path, "no such model", remedy)
        return [known, str(Path(known).with_suffix(".json"))]
    described = path.with_suffix(".json")
    if not described.is_file():
        remedy = "copy the run's model.json beside its model.safetensors"
        raise InputError(described, "missing beside the model's weights", remedy)
    return [os.path.abspath(path), os.path.abspath(described)]


def checked_output(folder: str) -> str:
    """The folder of results, as it is.

    Raises:
        InputError: it is a file, or a name that the workflow would take for a pattern.
    """
    if "{" in folder or "}" in folder:
        raise InputError(folder, "the name of the results' folder has braces", "name another: segment.output")
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise InputError(folder, "is a file", "name another folder for the results: segment.output")
    return folder
