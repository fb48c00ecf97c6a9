"""Puts published runs back into ``results/<dataset>/``: tables of more runs, without training those again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import atomic_path, read_json, write_json
from .nuclei.fused import FusedShape
from .nuclei.rows import add_measures
from .nuclei.tables import read_nuclei, read_shape, write_nuclei
from .provenance import file_digest
from .verification.configuration import differences, few, flat
from .verification.published import Published
from .verification.record import RECORD

_FETCH = "fetch the folder from the repository again, or train the run here"


def is_trained(results: Path, run: str) -> bool:
    """Whether a run's weights are in ``results/<dataset>/runs/<run>``."""
    return (results / "runs" / run / "model.safetensors").is_file()


def check_restorable(
    published: Published,
    run: str,
    settings: Mapping[str, Any],
    tiles: Mapping[str, Mapping[str, str]],
) -> None:
    """Raise an InputError unless a published run is what the configuration and the data at hand would give.

    Args:
        published: its folder.
        run: its name.
        settings: those that it would be trained by now (``training_settings``).
        tiles: set → file → SHA-256 of the tiles at hand (``tile_digests``).
    """
    where = published.folder / "runs" / run
    told = differences(flat(published.runs[run].get("settings") or {}), flat(settings))
    if told:
        raise InputError(where, f"was trained by other settings: {few(told)}", "train the run here")
    recorded = published.made.get("tiles") or {}
    blind = published.runs[run].get("supervision") != "instances"
    for part, files in tiles.items():
        for name, digest in files.items():
            # what the weakly supervised train on has no instance labels
            unused = blind and part in ("train", "val") and name == "instances.npy"
            if recorded.get(part, {}).get(name) != digest and not unused:
                raise InputError(
                    where,
                    f"is of other data than those at hand: tiles/{part}/{name} differs",
                    "name the source that it was made from, or train the run here",
                )


def restore_run(published: Published, run: str, results: Path, predictions: Iterable[str]) -> list[Path]:
    """Copy a published run's predictions, log and description to where the pipeline would have made them.

    The measures in its tables of nuclei, which are not published, are computed again. The weights are not
    published either: ``RECORD`` stands in their place.

    Args:
        published: the folder that it stands in.
        run: its name.
        results: ``results/<dataset>``.
        predictions: names of the files that hold its predictions, in the folder ``nuclei`` of both.

    Returns:
        The files written; predictions last, for they must be newer than what they are made from.

    Raises:
        InputError: a file is missing, or is not the one that was published.
    """
    about = [published.folder / "runs" / run / name for name in ("model.json", "log.csv")]
    nuclei = [published.folder / "nuclei" / name for name in predictions]
    recorded = published.made.get("files") or {}
    for file in (*about, *nuclei):
        name = file.relative_to(published.folder).as_posix()
        if not file.is_file():
            raise InputError(file, "is missing", _FETCH)
        if recorded.get(name, "") != file_digest(file):
            raise InputError(file, "is not the file that was published", _FETCH)
    record = results / "runs" / run / RECORD
    told = {key: value for key, value in published.made["runs"][run].items() if key != "same_code"}
    write_json(record, told)
    written = [record]
    for file in (*about, *nuclei):
        target = results / file.relative_to(published.folder)
        if file.name.endswith(".csv.gz"):
            _with_measures(file, published.folder / "nuclei" / f"{run}.shape.json", target)
        else:
            with atomic_path(target) as temporary:
                shutil.copyfile(file, temporary)
        written.append(target)
    return written


def restore_trial(file: Path, trial: Mapping[str, Any], target: Path) -> list[str]:
    """Copy what a published trial came to, if the configuration would try the same now.

    Args:
        file: its JSON in ``results/published/<dataset>-tuning/trials``.
        trial: what it would train now (``trial_run``).
        target: where the rule ``trial`` would write it.

    Returns:
        What differs, in words; where anything does, nothing is written.

    Raises:
        InputError: the file is damaged.
    """
    try:
        told = read_json(file)
        then = {key: told[key] for key in ("variant", "encoder", "seed", "settings")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(file, f"is no trial: {error}", "fetch it from the repository again") from None
    changed = differences(flat(then), flat({key: trial[key] for key in then}))
    if not changed:
        write_json(target, told)
    return changed


def _with_measures(file: Path, shape_file: Path, target: Path) -> None:
    shape, about = read_shape(shape_file)
    table = add_measures(read_nuclei(file), FusedShape.proven(shape), about["threshold"])
    write_nuclei(target, table)
