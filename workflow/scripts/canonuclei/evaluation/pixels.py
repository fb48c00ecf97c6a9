"""Pixel scores: IoU and Dice of binary masks, pooled over tiles or images."""

from __future__ import annotations

import numpy as np


def pixel_counts(truth: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    """What pixel scores are made of.

    Args:
        truth, predicted: bool arrays of one shape.

    Returns:
        ``intersection``, ``union``, ``true_pixels``, ``predicted_pixels``; sums of these over tiles give
        the pooled scores.
    """
    truth, predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != predicted.shape:
        raise ValueError(f"masks of shape {truth.shape} and {predicted.shape}")
    intersection = int((truth & predicted).sum())
    sizes = int(truth.sum()), int(predicted.sum())
    return {
        "intersection": intersection,
        "union": sum(sizes) - intersection,
        "true_pixels": sizes[0],
        "predicted_pixels": sizes[1],
    }


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is 0: nothing there and nothing predicted."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def iou(intersection: np.ndarray, union: np.ndarray) -> np.ndarray:
    """Intersection over union, 0…1."""
    return ratio(intersection, union)


def dice(intersection: np.ndarray, true_pixels: np.ndarray, predicted_pixels: np.ndarray) -> np.ndarray:
    """Dice = 2·|∩| / (|truth| + |predicted|), 0…1; pooled, it equals 2·IoU / (1 + IoU)."""
    return ratio(2 * np.asarray(intersection), np.asarray(true_pixels) + np.asarray(predicted_pixels))


def f1(tp: np.ndarray, true_nuclei: np.ndarray, predicted_nuclei: np.ndarray) -> np.ndarray:
    """F1 = 2·TP / (2·TP + FP + FN), where 2·TP + FP + FN = true + predicted nuclei; 0…1."""
    return ratio(2 * np.asarray(tp), np.asarray(true_nuclei) + np.asarray(predicted_nuclei))
