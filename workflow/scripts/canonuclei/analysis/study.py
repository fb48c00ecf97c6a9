"""What became of every true nucleus of whole images, approach by approach, and tables of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation.frames import Frame
from ..evaluation.predicted import Predictions
from ..evaluation.scores import KEYS
from ..parallel import ordered_map
from .failures import FALSE, FOUND, PREDICTED_KINDS, PREDICTED_PART, TRUE_KINDS, failures
from .measurements import ERRORS, MEASURED, mask_measures, measurement_errors

FATES = [*KEYS, "image", "look", "density", "nucleus", "kind"]
FATES += [f"{side}_{name}" for side in ("true", "predicted") for name in MEASURED]
# How a table of fates, or of counts, is read again: ids and names are no numbers
TEXTS = dict.fromkeys(("approach", "supervision", "encoder", "image", "look", "density", "kind"), str)
# Nuclei of the image to 128 × 128 px, what the paper's K counts; the last class is open
DENSITIES = (0, 5, 10, 20)
TILE = 128 * 128  # px²
BY = ("all", "look", "density", "size")
# A predicted mask that is a part, as readers are told it: +P leaves fewer of them, and F1 counts each
UNMATCHED = "unmatched"


def study(
    predictions: Predictions, images: Sequence[str], processes: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tell what became of the nuclei of whole images.

    Args:
        predictions: of one run (``approaches.predictions_of``).
        images: ids; those without instance labels give nothing.
        processes: that images are shared out to.

    Returns:
        Fates, a row a true nucleus and approach: ``FATES``, ``kind`` of ``failures.TRUE_KINDS``, the
        ``predicted_`` measures empty unless it was found; and, a row an image and approach, the predicted
        masks by kind: ``KEYS``, image, look, density, ``PREDICTED_KINDS``.
    """
    found = ordered_map(lambda image: list(_studied(predictions, image)), images, processes)
    parts = list(chain.from_iterable(found))
    fates = [part for part, _ in parts if len(part)]
    table = pd.concat(fates, ignore_index=True) if fates else pd.DataFrame(columns=FATES)
    counts = pd.DataFrame(
        [row for _, row in parts], columns=[*KEYS, "image", "look", "density", *PREDICTED_KINDS]
    )
    return table.reindex(columns=FATES), counts


def _studied(predictions: Predictions, image: str) -> Iterator[tuple[pd.DataFrame, dict[str, Any]]]:
    truth: pd.DataFrame | None = None
    for found in predictions(image):
        frame = found.frame
        if frame.scope != "whole" or found.nuclei is None or frame.truth is None:
            continue
        shape = frame.mask.shape
        if truth is None:
            truth = mask_measures(frame.truth, shape)
        told = failures(frame.truth, found.nuclei)
        matched = np.flatnonzero(told.partner >= 0)
        measured = mask_measures(found.nuclei, shape, told.partner[matched]).set_index(matched)
        about = found.keys | {"image": image, "look": frame.look, "density": density_class(frame)}
        columns = [truth.add_prefix("true_"), measured.add_prefix("predicted_").reindex(truth.index)]
        table = pd.concat(columns, axis=1).assign(**about, kind=told.true, nucleus=truth.index + 1)
        yield table, about | {kind: int((told.predicted == kind).sum()) for kind in PREDICTED_KINDS}


def density_class(frame: Frame) -> str:
    """How crowded a whole image is: its nuclei to 128 × 128 px, as one of the ranges of ``DENSITIES``."""
    crowd = frame.truth.shape[0] * TILE / frame.mask.size
    return range_name(crowd, DENSITIES)


def range_name(value: float, edges: Sequence[float]) -> str:
    """The half-open range of ``edges`` that a value lies in, as ``5–10`` or ``20 and more``."""
    number = int(np.searchsorted(edges, value, side="right")) - 1
    return f"{edges[number]}–{edges[number + 1]}" if number + 1 < len(edges) else f"{edges[number]} and more"


def failure_table(fates: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Shares of the fates, of all nuclei and by look, density and size.

    Args:
        fates, counts: of ``study``, of all runs below one another.

    Returns:
        ``KEYS``, ``by`` (one of ``BY``), ``group``, ``nuclei``, the shares of ``TRUE_KINDS`` (0…1 of the true
        nuclei), ``predicted``, and of the predicted masks the shares ``unmatched`` (parts of nuclei: another
        mask has them, or none fits) and ``false``; these three are empty by size, for what is false has no
        true size. Sizes are quarters of the true areas, in px² of whole images.
    """
    edges = _quarters(fates)
    fates = fates.assign(all="all", size=[range_name(area, edges) for area in fates["true_area"]])
    predicted, rows = _by_key(counts.assign(all="all")), []
    for by in BY:
        groups = _sorted(fates[by])
        for key, own in _by_key(fates).items():
            for group in groups:
                chosen = own[own[by] == group]
                same = predicted[key][predicted[key][by] == group] if by in counts or by == "all" else None
                rows.append(
                    {**dict(zip(KEYS, key, strict=True)), "by": by, "group": group, **_shares(chosen, same)}
                )
    return pd.DataFrame(rows)


def _quarters(fates: pd.DataFrame) -> list[int]:
    """Edges of four ranges of the true area, px², that hold a quarter of the nuclei each."""
    if fates.empty:
        return [0]
    return [0, *np.unique(fates["true_area"].quantile([0.25, 0.5, 0.75]).round().astype(int)).tolist()]


def _by_key(table: pd.DataFrame) -> dict[tuple[Any, ...], pd.DataFrame]:
    """The rows of each approach, by its ``KEYS``, None where one is empty."""
    groups = table.groupby(KEYS, dropna=False, sort=False)
    return {tuple(None if pd.isna(value) else value for value in key): part for key, part in groups}


def _sorted(column: pd.Series) -> list[str]:
    """Names of groups; ranges by their numbers."""

    def number(name: str) -> tuple[float, str]:
        head = str(name).replace("–", " ").split(" ")[0]
        return (float(head), "") if head.replace(".", "").isdigit() else (0.0, str(name))

    return sorted(column.unique(), key=number)


def _shares(own: pd.DataFrame, predicted: pd.DataFrame | None) -> dict[str, Any]:
    """Shares of the fates ``own``, and of the unmatched and false among the masks ``predicted`` counts."""
    shares = own["kind"].value_counts(normalize=True)
    row: dict[str, Any] = {"nuclei": len(own)}
    row |= {kind: float(shares.get(kind, 0.0)) if len(own) else None for kind in TRUE_KINDS}
    total = None if predicted is None else int(predicted[list(PREDICTED_KINDS)].to_numpy().sum())
    row["predicted"] = total
    for name, kind in ((UNMATCHED, PREDICTED_PART), (FALSE, FALSE)):
        row[name] = float(predicted[kind].sum() / total) if total else None
    return row


def measurement_table(fates: pd.DataFrame) -> pd.DataFrame:
    """``measurement_errors`` of the nuclei found, a block an approach, ``KEYS`` before its columns."""
    parts = [
        measurement_errors(own).assign(**dict(zip(KEYS, key, strict=True)))
        for key, own in _by_key(fates[fates["kind"] == FOUND]).items()
    ]
    columns = [*KEYS, *ERRORS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
