"""Copies a finished run's small files to where they are kept in git."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from .files import atomic_path
from .nuclei.tables import read_nuclei, write_nuclei

# Not copied from the run, but written beside it
KEPT = ("README.md", "made.json", "config.yaml")


def publish_file(source: Path, target: Path) -> None:
    """Copy a file, atomically; a table of nuclei goes without its measures, which follow from the rest."""
    if source.name.endswith(".csv.gz"):
        write_nuclei(target, read_nuclei(source), parameters_only=True)
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def publish(files: Iterable[Path], results: Path, published: Path) -> list[Path]:
    """Copy ``files`` of ``results`` to the same places under ``published``; what else is there goes.

    Args:
        files: below ``results``.
        results: ``results/<dataset>``.
        published: ``results/published/<dataset>``; ``KEPT`` are left as they are.

    Returns:
        The files that were copied, where they stand now, sorted.
    """
    kept = {published / file.relative_to(results): file for file in files}
    for target, source in kept.items():
        publish_file(source, target)
    for stale in [path for path in published.rglob("*") if path.is_file()]:
        if stale not in kept and stale.name not in KEPT:
            stale.unlink()
    return sorted(kept)
