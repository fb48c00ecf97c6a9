"""Matching against stardist's, and masks of known IoU just below and above each threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonuclei.evaluation.matching import (
    any_matches,
    labels_to_sparse,
    masks_to_sparse,
    match,
    overlaps,
    true_positives,
)
from canonuclei.evaluation.pixels import dice, f1, iou, pixel_counts


def blobs(seed: int, count: int, size: int = 48) -> np.ndarray:
    """A label image of ``count`` discs, the later over the earlier."""
    random = np.random.default_rng(seed)
    labels = np.zeros((size, size), np.int32)
    y, x = np.mgrid[:size, :size]
    for label in range(1, count + 1):
        (row, column), radius = random.integers(0, size, 2), random.integers(2, 9)
        labels[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = label
    return labels


@given(st.integers(0, 10**6), st.integers(0, 25), st.integers(0, 25), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_counts_equal_stardist_s(seed: int, true: int, predicted: int, shift: int) -> None:
    matching = pytest.importorskip("stardist.matching").matching
    truth = blobs(seed, true)
    # Half of the time the prediction is the truth moved a little: many IoUs at many levels
    other = np.roll(truth, shift, axis=1) if seed % 2 else blobs(seed + 1, predicted)
    ours = true_positives(overlaps(labels_to_sparse(truth), labels_to_sparse(other)))
    assert ours.tolist() == [matching(truth, other, thresh=k / 10).tp for k in range(1, 11)]


@pytest.mark.parametrize("tenths", range(1, 11))
def test_thresholds_are_exact(tenths: int) -> None:
    """Masks of 100 px: an IoU of k/10 passes k/10; one pixel less does not."""
    truth = np.zeros((1, 10, 30), bool)
    truth.reshape(1, -1)[0, :100] = True

    def shorter(pixels: int) -> np.ndarray:
        part = np.zeros_like(truth)
        part.reshape(1, -1)[0, :pixels] = True
        return part

    for pixels, passes in ((10 * tenths, 1), (10 * tenths - 1, 0)):
        pairs = overlaps(masks_to_sparse(truth), masks_to_sparse(shorter(pixels)))
        assert true_positives(pairs)[tenths - 1] == passes


@pytest.mark.parametrize("tenths", range(2, 10))
def test_discs_of_known_iou(tenths: int) -> None:
    """Concentric discs: the areas' ratio is the IoU; the radii are chosen on both sides of the threshold."""
    y, x = np.mgrid[-60:61, -60:61]
    outer = y**2 + x**2 <= 50**2
    for factor in (0.98, 1.02):
        inner = y**2 + x**2 <= 50**2 * tenths / 10 * factor
        passes = inner.sum() / outer.sum() >= tenths / 10
        assert passes == (factor > 1)
        pairs = overlaps(masks_to_sparse(outer[None]), masks_to_sparse(inner[None]))
        assert true_positives(pairs)[tenths - 1] == passes


def best_by_trying(iou: np.ndarray, tenths: int) -> tuple[int, float]:
    """Most pairs, then greatest total IoU, over all assignments of a small matrix."""
    if iou.shape[0] == 0:
        return 0, 0.0
    best = best_by_trying(iou[1:], tenths)
    for column in np.flatnonzero(iou[0] >= tenths / 10):
        rest = np.delete(iou[1:], column, axis=1)
        pairs, total = best_by_trying(rest, tenths)
        best = max(best, (pairs + 1, total + iou[0, column]))
    return best


@given(st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_overlapping_masks_get_the_best_assignment(seed: int, tenths: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.random((4, 5, 5)) < 0.6
    predicted = (truth[random.integers(0, 4, 5)] ^ (random.random((5, 5, 5)) < 0.15)) | False
    pairs = overlaps(masks_to_sparse(truth), masks_to_sparse(predicted))
    dense = np.zeros((4, 5))
    dense[pairs.true, pairs.predicted] = pairs.intersection / pairs.union
    chosen = match(pairs, tenths)
    assert len(set(pairs.true[chosen])) == len(set(pairs.predicted[chosen])) == len(chosen)
    count, total = best_by_trying(dense, tenths)
    assert len(chosen) == count
    assert (pairs.intersection / pairs.union)[chosen].sum() == pytest.approx(total)


def test_nothing_to_match_and_one_mask_over_all() -> None:
    nothing, full = np.zeros((0, 4, 4), bool), np.ones((1, 4, 4), bool)
    for truth, predicted, expected in (
        (nothing, full, 0),
        (full, nothing, 0),
        (nothing, nothing, 0),
        (full, full, 1),
    ):
        pairs = overlaps(masks_to_sparse(truth), masks_to_sparse(predicted))
        assert true_positives(pairs).tolist() == [expected] * 10
    assert masks_to_sparse(np.zeros((3, 4, 4), bool)).shape == (0, 16)
    with pytest.raises(ValueError, match="pixels"):
        overlaps(masks_to_sparse(full), labels_to_sparse(np.ones((3, 3), int)))


def test_loose_matching_counts_each_side_by_itself() -> None:
    truth = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
    predicted = np.array([[1, 1, 2, 2, 3, 3, 3, 3]])
    pairs = overlaps(labels_to_sparse(truth), labels_to_sparse(predicted))
    assert any_matches(pairs, 4) == (2, 3)
    assert true_positives(pairs)[3] == 2


def test_pixel_scores() -> None:
    truth, predicted = np.array([[1, 1, 0, 0]]), np.array([[0, 1, 1, 0]])
    counts = pixel_counts(truth, predicted)
    assert counts == {"intersection": 1, "union": 3, "true_pixels": 2, "predicted_pixels": 2}
    overlap = iou(counts["intersection"], counts["union"])
    assert overlap == pytest.approx(1 / 3)
    assert dice(1, 2, 2) == pytest.approx(2 * overlap / (1 + overlap))
    assert np.isnan(iou(0, 0)) and np.isnan(f1(0, 0, 0)) and f1(0, 1, 0) == 0
    with pytest.raises(ValueError, match="shape"):
        pixel_counts(truth, predicted.T)
