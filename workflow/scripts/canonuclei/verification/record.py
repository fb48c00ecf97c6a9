"""What made the results of a data set: ``results/<dataset>/provenance.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_json
from ..provenance import PACKAGES, code_digests, file_digest, processor, revision, value_digest, versions
from ..settings import plain, run_names
from .configuration import PLACES, few
from .restored import RESTORED, WEIGHTS, changed_since_restored, restored_run

SETS = ("train", "val", "test", "whole")
TILE_FILES = ("images.npy", "masks.npy", "valid.npy", "instances.npy", "tiles.csv")
_TOLD = (
    *("model", "encoder", "seed", "supervision", "steps", "seconds", "threads", "device", "processor"),
    "precision",
    *("versions", "revision", "code"),
)


def record_of(
    results: Path,
    config: Mapping[str, Any],
    origin: Mapping[str, Any],
    code: Mapping[str, Any],
    sources: Iterable[Path],
    encoders: Iterable[Path],
    made: Iterable[Path],
) -> dict[str, Any]:
    """What made the results; all but ``made`` is the same when the same is made again.

    Args:
        results: ``results/<dataset>``, finished.
        config: the whole configuration.
        origin: ``configfiles``, those that it was read from, and ``overrides``, the keys laid over them.
        code: ``tables``, ``figures``, ``analysis`` and ``prediction``: digests of code; ``training``: kind
            of network → the library's files that make its weights.
        sources: files that the images come from.
        encoders: pretrained weights.
        made: tables and figures.

    Returns:
        Plain JSON.

    Raises:
        InputError: a run that was put back is of other settings than the configuration's.
    """
    runs = {run: _run(results / "runs" / run, config) for run in run_names(config)}
    kinds = sorted({run["model"] for run in runs.values()})
    return {
        "dataset": config["dataset"],
        "made": {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": revision(),
            "processor": processor(),
            "versions": versions(*PACKAGES),
        },
        **origin,
        "config": config,
        "inputs": {str(path): _file(path) for path in sorted(set(sources))},
        "encoders": {path.stem: file_digest(path) for path in sorted(set(encoders))},
        "tiles": tile_digests(results / "tiles"),
        "code": {
            **{name: digest for name, digest in code.items() if name != "training"},
            "training": {kind: code_digests(*code["training"][kind]) for kind in kinds},
        },
        "runs": runs,
        "results": {path.relative_to(results).as_posix(): file_digest(path) for path in sorted(made)},
    }


def published_record(record: Mapping[str, Any], folder: bool) -> dict[str, Any]:
    """A record without what is of a machine or of a laboratory alone, and without what config.yaml says.

    Args:
        record: of ``record_of``.
        folder: images of one's own: their files' names are left out.
    """
    told = {key: value for key, value in record.items() if key not in ("config", "inputs", "results")}
    told["overrides"] = without_places(record["overrides"])
    inputs = record["inputs"]
    if folder:
        digests = sorted(each["sha256"] for each in inputs.values())
        told["inputs"] = {"own images": {"files": len(inputs), "digest": value_digest(digests)}}
    else:
        told["inputs"] = {Path(name).name: each for name, each in inputs.items()}
    return told


def without_places(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the command line without those that only say where files lie."""
    kept = {key: value for key, value in overrides.items() if key not in PLACES}
    for section, entries in kept.items():
        if isinstance(entries, Mapping):
            own = {key: value for key, value in entries.items() if f"{section}.{key}" not in PLACES}
            kept[section] = own
    return {key: value for key, value in kept.items() if value != {}}


def tile_digests(folder: Path) -> dict[str, dict[str, str]]:
    """SHA-256 of every file of every set of tiles: all that training and evaluation see of the data.

    Args:
        folder: ``results/<dataset>/tiles``.
    """
    return {part: {name: file_digest(folder / part / name) for name in TILE_FILES} for part in SETS}


def config_origin(settings: Any, repository: str | Path) -> dict[str, Any]:
    """Where a configuration comes from: its files, and the keys that were laid over them on the command line.

    Args:
        settings: with ``configfiles`` and ``config``, as Snakemake has them of its command line.
        repository: files in it are told relative to it, as are those in the present folder; of others the
            name.
    """
    files = [_relative(file, (Path(repository), Path.cwd())) for file in settings.configfiles]
    return {"configfiles": ["config/config.yaml", *files], "overrides": plain(settings.config)}


def _relative(file: str | Path, folders: Iterable[Path]) -> str:
    path = Path(file).resolve()
    for folder in map(Path.resolve, folders):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name


def _run(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    if not (folder / WEIGHTS).exists():
        if changed := changed_since_restored(folder, config, folder.name):
            remedy = f"delete {folder} and train the run, or undo the change of the configuration"
            raise InputError(folder / RESTORED, f"is of other settings: {few(changed)}", remedy)
        return restored_run(folder)["made"]
    told = read_json(folder / "model.json")
    return {**{key: told.get(key) for key in _TOLD}, "weights": file_digest(folder / WEIGHTS)}


def _file(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_digest(path)}
