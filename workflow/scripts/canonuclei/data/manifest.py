"""What the published files must hold: counts of each subset, and a manifest of single images.

Needs neither NumPy nor pandas, for the workflow itself asks `expected_files` where it plans.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ..errors import InputError
from ..files import atomic_path

if TYPE_CHECKING:
    import numpy as np

COLUMNS = ("image_id", "subset", "width", "height", "nuclei", "digest", "look", "mosaic")
PUBLISHED = ("stage1_train", "stage1_test", "stage2_test")
ADDRESS = "https://data.broadinstitute.org/bbbc/BBBC038"
REMEDY = "get the published files again, or set `split.expected` to null for other data"


def pixel_digest(rgb: np.ndarray) -> str:
    """SHA-256, in hexadecimal, of decoded pixels: uint8 (H, W, 3), row by row, R, G, B.

    The shape is not in it; manifests hold it beside. Archives can be packed again and PNG files compressed
    anew without a change of the digest.
    """
    return hashlib.sha256(rgb.tobytes()).hexdigest()


def expected_files(path: str | Path | None) -> list[str]:
    """The file of expected counts and the manifest that it names: inputs of the rule `index`."""
    if path is None:
        return []
    manifest = load_expected(path).get("manifest")
    return [str(path)] if manifest is None else [str(path), _beside(path, manifest)]


def check_present(paths: Iterable[str | Path]) -> None:
    """Raise an InputError for the first published file that is not there."""
    for path in paths:
        if not Path(path).is_file():
            raise InputError(path, "missing", f"set `source` to a folder that holds it, or to {ADDRESS}")


def load_expected(path: str | Path) -> dict:
    """Read expected counts: ``subsets`` by name, and optionally ``manifest``, relative to the file."""
    try:
        expected = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        problem = f"cannot be read: {' '.join(str(error).split())}"
        raise InputError(path, problem, "check `split.expected`") from None
    subsets = expected.get("subsets") if isinstance(expected, dict) else None
    if not isinstance(subsets, dict) or not all(isinstance(counts, dict) for counts in subsets.values()):
        raise InputError(path, "no mapping `subsets`", "check `split.expected`")
    if not isinstance(expected.get("manifest"), str | None):
        raise InputError(path, "`manifest` is no name of a file", "check `split.expected`")
    return expected


def read_table(path: str | Path, columns: Sequence[str] = COLUMNS) -> list[dict[str, str]]:
    """Read a CSV table of images as dictionaries of strings; an id that is there twice is an error."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows, header = list(reader), reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read: {error}", "make the file again") from None
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(path, f"no column {', '.join(missing)}", "make the file again")
    for line, row in enumerate(rows, 2):
        if any(row[name] is None for name in columns):
            raise InputError(f"{path}, row {line}", "cut short", "make the file again")
    check_unique(path, rows)
    return rows


def write_table(path: str | Path, rows: Iterable[Mapping], columns: Sequence[str] = COLUMNS) -> None:
    """Write rows as CSV, sorted by subset and id, atomically."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["subset"], row["image_id"])))


def check_unique(path: str | Path, rows: Iterable[Mapping]) -> None:
    """Raise an InputError where an image id is in two rows: it would be on two sides of a split."""
    subsets: dict[str, str] = {}
    for row in rows:
        if row["image_id"] in subsets:
            twice = f"duplicate id, in {subsets[row['image_id']]} and {row['subset']}"
            raise InputError(f"{path}, {row['image_id']}", twice, "remove one of them")
        subsets[row["image_id"]] = row["subset"]


def check_index(rows: Sequence[dict], source: str | Path, path: str | Path | None) -> list[str]:
    """Compare an index with what is expected; fill in ``mosaic`` from the manifest.

    Args:
        rows: the index, one dictionary an image with the keys `COLUMNS`; changed in place.
        source: where the images come from, for the error.
        path: the file of expected counts, or None: nothing is expected, mosaics stay blank.

    Returns:
        Warnings, a line each.

    Raises:
        InputError: a count that is not the expected one, or an image that differs from its row in the
            manifest, or is missing.
    """
    check_unique(source, rows)
    if path is None:
        return []
    expected = load_expected(path)
    subsets = sorted({row["subset"] for row in rows})
    manifest = {}
    if expected.get("manifest"):
        listed = read_table(_beside(path, expected["manifest"]))
        for row in listed:
            # a subset of another name would be compared with nothing
            if row["subset"] not in (*PUBLISHED, *expected["subsets"], *subsets):
                where = f"{expected['manifest']}, {row['image_id']}"
                raise InputError(where, f"of an unknown subset, {row['subset']!r}", "mend the manifest")
        manifest = {row["image_id"]: row for row in listed if row["subset"] in subsets}
    # Single images first: which one is missing says more than how many
    _check_images(rows, manifest, source)
    warnings = []
    for subset in subsets:
        warnings += _check_counts(rows, subset, expected["subsets"].get(subset, {}), source)
    return warnings


def _check_images(rows: Sequence[dict], manifest: Mapping[str, dict[str, str]], source: str | Path) -> None:
    listed_subsets = {row["subset"] for row in manifest.values()}
    for row in rows:
        if row["subset"] not in listed_subsets:
            continue
        where = f"{source}, {row['subset']}, {row['image_id']}"
        listed = manifest.get(row["image_id"])
        if listed is None:
            raise InputError(where, "image is not in the manifest", REMEDY)
        for name in ("subset", "width", "height", "nuclei", "digest"):
            if str(row[name]) != listed[name]:
                problem = f"{name} is {row[name]}, not {listed[name]} as in the manifest"
                raise InputError(where, problem, REMEDY)
        row["mosaic"] = listed["mosaic"]
    missing = sorted(set(manifest) - {row["image_id"] for row in rows})
    if missing:
        where = f"{source}, {manifest[missing[0]]['subset']}, {missing[0]}"
        raise InputError(where, f"image of the manifest is missing, and {len(missing) - 1} more", REMEDY)


def _check_counts(rows: Sequence[dict], subset: str, wanted: Mapping, source: str | Path) -> list[str]:
    held = [int(row["nuclei"]) for row in rows if row["subset"] == subset]
    warnings = []
    for name, number in (("images", len(held)), ("nuclei", sum(held))):
        if name not in wanted or number == wanted[name]:
            continue
        problem = f"{number} annotated {name} instead of {wanted[name]}"
        if name not in wanted.get("warn_only", ()):
            raise InputError(f"{source}, {subset}", problem, REMEDY)
        warnings.append(f"{source}, {subset}: {problem}")
    return warnings


def _beside(path: str | Path, name: str) -> str:
    # Not resolved: absolute paths would make Snakemake's records depend on where the clone lies
    return str(Path(path).parent / name)
