"""What checks compare, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAME, DIFFERS, UNKNOWN = "same", "differs", "cannot be checked"


@dataclass(frozen=True)
class Line:
    """One check of one published data set.

    Attributes:
        dataset: its folder in results/published.
        run: the training it is about; empty: the whole.
        part: what was checked.
        status: ``SAME``, ``DIFFERS`` or ``UNKNOWN``.
        why: what differs, or why it cannot be checked.
        broken: the results contradict what they say of themselves: damaged, edited, or never so made.
    """

    dataset: str
    run: str
    part: str
    status: str
    why: str = ""
    broken: bool = False


@dataclass(frozen=True)
class Now:
    """What is here now, for one published data set.

    Attributes:
        config: the configuration that it would be made with; None: ``no_config`` says why not.
        code: ``tables``, ``figures``, ``prediction``: digests.
        training: kind of network → the library's files that make its weights.
        versions: of packages.
        tiles: of ``record.tile_digests``; None: ``no_data`` says why not.
        encoders: pretrained weights at hand → SHA-256.
        tables: folder of the tables made again from the published nuclei; None: ``no_tables`` says why not.
    """

    config: Mapping[str, Any] | None
    code: Mapping[str, str]
    training: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]
    tiles: Mapping[str, Mapping[str, str]] | None = None
    encoders: Mapping[str, str] | None = None
    tables: Path | None = None
    no_config: str = ""
    no_data: str = ""
    no_tables: str = ""
