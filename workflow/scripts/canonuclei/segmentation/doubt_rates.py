"""How much doubt tells: how often nuclei are wrong beyond a threshold, and how often the others are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .doubt import words

# What is tried, from least to most doubtful; p(z) is doubtful below, the others from there on
TRIED = {
    "p": (0.9, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55),
    "overlap": (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    "disagreement": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
}


def beyond(nuclei: pd.DataFrame, signal: str, threshold: float) -> np.ndarray:
    """(n,) which nuclei are doubtful by one signal; none whose value is NaN."""
    values = nuclei[signal].to_numpy(np.float64)
    return values < threshold if signal == "p" else values >= threshold


def rates(nuclei: pd.DataFrame, doubtful: np.ndarray) -> dict[str, float]:
    """How many nuclei are doubtful, and how often these and the others are wrong.

    Args:
        nuclei: ``matched``: whether each is a true nucleus, by whatever match.
        doubtful: (n,) bool.

    Returns:
        ``doubtful`` (number), ``share`` of all, ``wrong`` and ``wrong_others`` (shares of either, 0 … 1; NaN
        where there are none).
    """
    wrong = ~nuclei["matched"].to_numpy(bool)
    return {
        "doubtful": int(doubtful.sum()),
        "share": _mean(doubtful),
        "wrong": _mean(wrong[doubtful]),
        "wrong_others": _mean(wrong[~doubtful]),
    }


def table(nuclei: pd.DataFrame) -> pd.DataFrame:
    """``rates`` of every signal at every threshold in ``TRIED``, and of the words as they are now, by number.

    Args:
        nuclei: ``p``, ``overlap``, ``disagreement`` and ``matched``.

    Returns:
        Rows ``signal``, ``threshold`` (of the words: the least number of reasons) and those of ``rates``.
    """
    rows = [
        {"signal": signal, "threshold": threshold, **rates(nuclei, beyond(nuclei, signal, threshold))}
        for signal, tried in TRIED.items()
        for threshold in tried
    ]
    for name, part in (("reasons", nuclei.drop(columns="disagreement")), ("reasons, --doubt", nuclei)):
        number = np.array([len(word.split("; ")) if word else 0 for word in words(part)], int)
        rows += [{"signal": name, "threshold": least, **rates(nuclei, number >= least)} for least in (1, 2)]
    return pd.DataFrame(rows)


def report(nuclei: pd.DataFrame) -> str:
    """``table`` as lines to read."""
    found = table(nuclei)
    shown = found.assign(
        threshold=[f"{value:g}" for value in found["threshold"]],
        **{name: [f"{value:.0%}" for value in found[name]] for name in ("share", "wrong", "wrong_others")},
    )
    wrong = _mean(~nuclei["matched"].to_numpy(bool))
    return f"{len(nuclei)} nuclei, {wrong:.0%} match no true one at IoU 0.5\n{shown.to_string(index=False)}"


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
