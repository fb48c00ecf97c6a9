"""Puts published runs back into ``results/<dataset>/``: tables of more runs, without training those again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import atomic_path, read_json, write_json
from .locks import alone
from .nuclei.fused import FusedShape
from .nuclei.rows import add_measures
from .nuclei.tables import read_nuclei, read_shape, write_nuclei
from .provenance import file_digest
from .verification.checks import OLD, changed_tiles
from .verification.configuration import differences, few, flat
from .verification.published import Published
from .verification.record import SETS
from .verification.restored import RESTORED, WEIGHTS, changed_settings, is_restored, prediction_of

_FETCH = "fetch the folder from the repository again, or train the run here"
_OR_LEAVE = "train the run here, or leave it out: --config only=<the others>"


def occupied(results: Path, run: str) -> str:
    """Why a run's folder is to be left alone, in words; empty where it is free or holds what was put back."""
    folder = results / "runs" / run
    if (folder / WEIGHTS).is_file():
        return f"was trained here and is left as it is; move {folder} away to have the published one put back"
    if (folder / "checkpoint.safetensors").is_file():
        return "is being trained here and is left as it is"
    if (folder / "model.json").is_file() and not is_restored(folder):
        return f"was trained here and lacks its weights; delete {folder} to have it put back"
    return ""


def check_restorable(
    published: Published,
    run: str,
    config: Mapping[str, Any],
    tiles: Mapping[str, Mapping[str, str]],
    encoders: Mapping[str, str],
) -> None:
    """Raise an InputError unless a published run is what the configuration and the data at hand would give.

    Args:
        published: its folder.
        run: its name.
        config: the configuration at hand.
        tiles: set → file → SHA-256 of the tiles at hand (``tile_digests``).
        encoders: encoder → SHA-256 of the pretrained weights at hand.
    """
    where, told = published.folder / "runs" / run, published.runs[run]
    recorded = published.made.get("tiles")
    if recorded is None or published.config is None or "settings" not in told:
        raise InputError(where, f"cannot be compared with the configuration and data: {OLD}", _OR_LEAVE)
    changed = changed_settings(told["settings"], config, run)
    try:
        changed += differences(flat(prediction_of(published.config, run)), flat(prediction_of(config, run)))
    except KeyError as error:
        raise InputError(published.folder / "config.yaml", f"lacks {error}", _OR_LEAVE) from None
    if changed:
        raise InputError(where, f"was made by other settings: {few(changed)}", _OR_LEAVE)
    if other := changed_tiles(published, tiles, run, SETS):
        raise InputError(
            where, f"is of other data than those at hand: not the same are {few(other)}", _OR_LEAVE
        )
    start = (published.made.get("encoders") or {}).get(told["encoder"])
    if told["encoder"] in encoders and start != encoders[told["encoder"]]:
        raise InputError(where, f"began from other pretrained weights of {told['encoder']}", _OR_LEAVE)


def published_files(published: Published, run: str, predictions: Iterable[str]) -> list[Path]:
    """A published run's files, its description first and its predictions last.

    Args:
        published: the folder that it stands in.
        run: its name.
        predictions: names of the files that hold its predictions.

    Raises:
        InputError: one is missing, or is not the one that was published.
    """
    files = [published.folder / "runs" / run / name for name in ("model.json", "log.csv")]
    files += [published.folder / "nuclei" / name for name in predictions]
    recorded = published.made.get("files") or {}
    for file in files:
        if not file.is_file():
            raise InputError(file, "is missing", _FETCH)
        if recorded.get(file.relative_to(published.folder).as_posix()) != file_digest(file):
            raise InputError(file, "is not the file that was published", _FETCH)
    return files


def restore_run(published: Published, run: str, files: Iterable[Path], results: Path) -> None:
    """Copy a published run's files to where the pipeline would have made them.

    The measures in its tables of nuclei, which are not published, are computed again. The weights are not
    published either: ``RESTORED`` stands in their place.

    Args:
        published: the folder that it stands in, with a ``config``.
        run: its name.
        files: of ``published_files``, written in this order: predictions must be newer than what they are of.
        results: ``results/<dataset>``.

    Raises:
        InputError: it is being trained.
    """
    folder = results / "runs" / run
    made = {key: value for key, value in published.made["runs"][run].items() if key != "same_code"}
    # of the code that made its nuclei, which is not this one's
    made.setdefault("prediction_code", (published.made.get("code") or {}).get("prediction"))
    told = {
        "made": made,
        "prediction": prediction_of(published.config or {}, run),
        "description": file_digest(published.folder / "runs" / run / "model.json"),
    }
    with alone(folder, "a training"):
        write_json(folder / RESTORED, told)
        for file in files:
            target = results / file.relative_to(published.folder)
            if file.name.endswith(".csv.gz"):
                _with_measures(file, published.folder / "nuclei" / f"{run}.shape.json", target)
            else:
                with atomic_path(target) as temporary:
                    shutil.copyfile(file, temporary)


def _with_measures(file: Path, shape_file: Path, target: Path) -> None:
    shape, about = read_shape(shape_file)
    table = add_measures(read_nuclei(file), FusedShape.proven(shape), about["threshold"])
    write_nuclei(target, table)


def restore_trial(
    file: Path,
    trial: Mapping[str, Any],
    about: Mapping[str, Any],
    hold_out: Mapping[str, Sequence[str]],
    distance: int,
    target: Path,
) -> list[str]:
    """Copy what a published trial came to, if the configuration would try the same now.

    Its code and data are not compared; what the groups hold and the distance of +WS where it tells them.

    Args:
        file: its JSON in ``results/published/<dataset>-tuning/trials``.
        trial: what it would train now (``trial_run``).
        about: what the table would say of it now: ``base``, ``why``, ``change``.
        hold_out: the groups that it would be scored on now, beside validation, and what each holds.
        distance: px between the markers of +WS, as now.
        target: where the rule ``trial`` would write it.

    Returns:
        What differs, in words; where anything does, nothing is written.

    Raises:
        InputError: the file is damaged.
    """
    try:
        told = read_json(file)
        then = {key: told[key] for key in ("variant", "encoder", "seed", "settings")}
        then["held out"] = [group for group in told["groups"] if group in hold_out]
        then |= {key: told[key] for key in ("hold_out", "distance") if key in told}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(file, f"is no trial: {error}", "fetch it from the repository again") from None
    now = {**trial, "held out": list(hold_out), "hold_out": dict(hold_out), "distance": distance}
    changed = differences(flat(then), flat({key: now[key] for key in then}))
    if not changed:
        write_json(target, {**told, **about})
    return changed
