"""How long the runs of a table were trained, told in its rows where they are of several lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from ..settings import ENDS
from ..words import many


def with_epochs(table: pd.DataFrame, runs: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A table with a column more, the last: ``epochs`` of each row's training, empty where there was none.

    Args:
        table: with ``approach`` and ``encoder``.
        runs: ``label``, ``encoder`` and ``epochs`` of each, as of ``about.about_config``.
    """
    return table.assign(epochs=_epochs(table["approach"], table["encoder"], runs))


def with_epochs_of_both(differences: pd.DataFrame, runs: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A table of differences with two columns more, the last: ``epochs_a`` and ``epochs_b``.

    Args:
        differences: of ``bootstrap.differences``.
        runs: as of ``with_epochs``.
    """
    found = {
        f"epochs_{side}": _epochs(differences[f"approach_{side}"], differences["encoder"], runs)
        for side in ("a", "b")
    }
    return differences.assign(**found)


def _epochs(
    approaches: Iterable[str], encoders: Iterable[str], runs: Sequence[Mapping[str, object]]
) -> pd.api.extensions.ExtensionArray:
    lengths = {(run["label"], run["encoder"]): run["epochs"] for run in runs}
    labels = (next((name[: -len(end)] for end in ENDS if name.endswith(end)), name) for name in approaches)
    return pd.array([lengths.get(key) for key in zip(labels, encoders, strict=True)], dtype="Int64")


def with_lengths(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose ``encoder`` tells the epochs too (``tiny, 8 epochs``), where they are not all the same.

    Args:
        table: with ``encoder``, missing or empty where there is none, and ``epochs``; tables that were
            published earlier have no such column, and are given back as they are.
    """
    if "epochs" not in table or table["epochs"].nunique() < 2:
        return table
    encoder, trained = table["encoder"].astype(object), table["epochs"].notna()
    encoder[trained] += [f", {many(int(epochs), 'epoch')}" for epochs in table.loc[trained, "epochs"]]
    return table.assign(encoder=encoder)


def with_lengths_of_both(differences: pd.DataFrame) -> pd.DataFrame:
    """A table of differences whose ``encoder`` tells the epochs too, where they are not all the same.

    ``tiny, 8 epochs`` where both sides have them (or the other was not trained), else ``tiny, 8 and 2
    epochs``, those of a first.

    Args:
        differences: of ``with_epochs_of_both``.
    """
    epochs = differences[["epochs_a", "epochs_b"]]
    if epochs.stack().nunique() < 2:
        return differences
    encoders = []
    for encoder, *sides in zip(differences["encoder"], *(epochs[name] for name in epochs), strict=True):
        lengths = list(dict.fromkeys(int(side) for side in sides if not pd.isna(side)))
        said = [*map(str, lengths[:-1]), *(many(length, "epoch") for length in lengths[-1:])]
        encoders.append(f"{encoder}, {' and '.join(said)}" if said else encoder)
    return differences.assign(encoder=encoders)


def differ(differences: pd.DataFrame) -> pd.Series:
    """Whether both sides of each difference were trained, and for different numbers of epochs."""
    a, b = (differences[name].astype("Float64") for name in ("epochs_a", "epochs_b"))
    return a.ne(b).fillna(False).astype(bool)
