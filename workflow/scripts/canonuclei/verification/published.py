"""A published data set, as it tells of itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError
from ..files import read_json

# Written beside what was published, by hand or about it
BESIDE = ("README.md", "made.json")
_REMEDY = "fetch the folder from the repository again, or publish the run again: snakemake publish"


@dataclass(frozen=True)
class Published:
    """A folder of results/published that a run of the pipeline was copied to.

    Attributes:
        folder: it.
        made: the content of made.json: what made the results.
        config: that of config.yaml, or None.
        runs: run → what made.json and its model.json tell of it, in the order of made.json.
    """

    folder: Path
    made: Mapping[str, Any]
    config: Mapping[str, Any] | None
    runs: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Its data set."""
        return self.folder.name

    @property
    def configfiles(self) -> list[str]:
        """The configuration's files, in their order; empty where they are not told."""
        return list(self.made.get("configfiles") or [])

    def made_with(self) -> Mapping[str, Any]:
        """``revision`` and ``versions`` when the results were finished (of older ones: published)."""
        return self.made.get("made") or self.made

    def command(self, target: str) -> str:
        """How to call the pipeline with this configuration; where its data lie is for the user to fill in."""
        overlays = [name for name in self.configfiles if name != "config/config.yaml"]
        words = ["snakemake", target, *(["--configfile", *map(shlex.quote, overlays)] if overlays else [])]
        config = self.config or {}
        own = config.get("data", {}).get("kind") == "folder"
        keys = []
        if own or not str(config.get("source", "")).startswith(("simulated", "https://")):
            keys.append("'data={…}'" if own else "source=<folder with the published files>")
        if config.get("only"):
            keys.append(shlex.quote(f"only={config['only']}"))
        words += ["--config", *keys] if keys else []
        return " ".join(words)

    def files(self) -> list[str]:
        """The files in it, relative to it, without those about it."""
        every = sorted(path for path in self.folder.rglob("*") if path.is_file())
        names = [path.relative_to(self.folder).as_posix() for path in every]
        return [name for name in names if name not in BESIDE]


def read_published(folder: Path) -> Published | None:
    """What a folder of results/published tells of itself; None where no run of the pipeline made it.

    Raises:
        InputError: made.json, config.yaml or a model.json is damaged.
    """
    if not (folder / "made.json").is_file():
        return None
    made = _mapping(folder / "made.json")
    config = _mapping(folder / "config.yaml") if (folder / "config.yaml").is_file() else None
    runs = {}
    for run, told in (made.get("runs") or {}).items():
        described = folder / "runs" / run / "model.json"
        runs[run] = {**(_mapping(described) if described.is_file() else {}), **told}
    return Published(folder, made, config, runs)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8") if path.suffix == ".yaml" else None
        found = read_json(path) if text is None else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, f"damaged: {str(error).splitlines()[0]}", _REMEDY) from None
    if not isinstance(found, dict):
        raise InputError(path, "damaged: no mapping", _REMEDY)
    return found
