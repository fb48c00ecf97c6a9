"""How long the runs of a table were trained, told in its rows where they are of several lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ..settings import ENDS
from ..words import many


def with_epochs(table: pd.DataFrame, runs: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A table with a column more, the last: ``epochs`` of each row's training, empty where there was none.

    Args:
        table: with ``approach`` and ``encoder``.
        runs: ``label``, ``encoder`` and ``epochs`` of each, as of ``about.about_config``.
    """
    lengths = {(run["label"], run["encoder"]): run["epochs"] for run in runs}
    labels = (
        next((name[: -len(end)] for end in ENDS if name.endswith(end)), name) for name in table["approach"]
    )
    epochs = [lengths.get(key) for key in zip(labels, table["encoder"], strict=True)]
    return table.assign(epochs=pd.array(epochs, dtype="Int64"))


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
