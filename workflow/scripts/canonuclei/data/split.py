"""Which image is for training, for validation, for testing."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..words import many
from .folder_tables import default_split, read_split
from .manifest import read_table

COLUMNS = ("image_id", "subset", "split")
# The subsets that each protocol reads, and the side of each in the paper's: 670 / 65 / 106
OFFICIAL = {"stage1_train": "train", "stage1_test": "val", "stage2_test": "test"}
SUBSETS = {"official": tuple(OFFICIAL), "stage1": ("stage1_train", "stage1_test")}


def make_split(rows: Sequence[Mapping], protocol: str, listed: str | Path | None) -> list[dict[str, str]]:
    """Split indexed images.

    Args:
        rows: the index (``image_id``, ``subset``).
        protocol: ``official``, the paper's, by subset alone; ``stage1``, by a list; or ``folder``, images of
            one's own, by a list or by a hash of their names.
        listed: the list: `COLUMNS` for ``stage1``, image and split for ``folder``.

    Returns:
        Rows with the keys `COLUMNS`.

    Raises:
        InputError: an image is in one of index and list only, or in another subset; a side is empty.
    """
    if protocol == "folder":
        stems = [row["image_id"] for row in rows]
        sides = read_split(listed, stems) if listed else default_split(stems, "data.images")
        return [_row(row, sides[row["image_id"]]) for row in rows]
    if protocol == "official":
        split = [_row(row, OFFICIAL[row["subset"]]) for row in rows]
    elif listed is None:
        raise InputError("split.list", "missing with protocol stage1", "name the CSV that lists the split")
    else:
        split = _by_list(rows, read_table(listed, COLUMNS), listed)
    for side in ("train", "val", "test"):
        if not any(row["split"] == side for row in split):
            raise InputError("split.protocol", f"no image for {side}", "check `source` and `split`")
    return split


def stage1_list(rows: Sequence[Mapping], validation: int = 65, seed: int = 0) -> list[dict[str, str]]:
    """The list of the protocol ``stage1``: validation from stage1_train, test is stage1_test.

    Images that were cut from one mosaic stay on one side; images of unknown mosaic train. Each look gives
    its share of the validation set (largest remainders). Within a look the groups come in the order of a
    hash of seed and mosaic, so the list depends on no library's random numbers, and are taken while they
    fit.

    Args:
        rows: manifest rows (``image_id``, ``subset``, ``look``, ``mosaic``).
        validation: images for validation.
        seed: another one gives another list.

    Raises:
        InputError: the groups of a look cannot make up its share.
    """
    train = [row for row in rows if row["subset"] == "stage1_train"]
    groups: dict[str, list[Mapping]] = defaultdict(list)
    for row in train:
        if row["mosaic"]:
            groups[row["mosaic"]].append(row)
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    chosen: set[str] = set()
    for look, share in _shares(train, validation).items():
        left = share
        for name in order:
            # A mosaic of two looks trains: it has a share in neither
            if {row["look"] for row in groups[name]} == {look} and len(groups[name]) <= left:
                chosen.add(name)
                left -= len(groups[name])
        if left:
            problem = f"{look}: {left} of {many(share, 'image')} found no group"
            raise InputError("stage1_list", problem, "try another seed")
    sides = [_row(row, "val" if row["mosaic"] in chosen else "train") for row in train]
    return sides + [_row(row, "test") for row in rows if row["subset"] == "stage1_test"]


def _shares(rows: Sequence[Mapping], total: int) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row["look"]] += 1
    exact = {look: total * number / len(rows) for look, number in sorted(counts.items())}
    shares = {look: int(share) for look, share in exact.items()}
    by_remainder = sorted(exact, key=lambda look: shares[look] - exact[look])
    for look in by_remainder[: total - sum(shares.values())]:
        shares[look] += 1
    return shares


def _by_list(rows: Sequence[Mapping], listed: Sequence[Mapping], path: str | Path) -> list[dict[str, str]]:
    subsets = {row["image_id"]: row["subset"] for row in rows}
    for row in listed:
        where, remedy = f"{path}, {row['image_id']}", "check `split.list` against the data"
        if row["split"] not in OFFICIAL.values():
            raise InputError(where, f"split is {row['split']!r}, not train, val or test", remedy)
        if subsets.get(row["image_id"]) != row["subset"]:
            raise InputError(where, f"not in {row['subset']} of the data", remedy)
    missing = sorted(set(subsets) - {row["image_id"] for row in listed})
    if missing:
        raise InputError(f"{path}, {missing[0]}", "image of the data is not listed", "add it to `split.list`")
    return [_row(row, row["split"]) for row in listed]


def _row(row: Mapping, side: str) -> dict[str, str]:
    return {"image_id": row["image_id"], "subset": row["subset"], "split": side}
