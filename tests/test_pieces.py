"""K of tiles from a count of the whole image: shares of components, cut nuclei, and how near it comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.pieces import Pieces, share, tile_counter
from canonuclei.data.placement import place
from canonuclei.data.simulate import simulate_subset


def discs(shape, centres, radius):
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(centres, 1):
        labels[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
    return labels


@given(
    areas=st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    count=st.integers(1, 200),
)
@settings(max_examples=200, deadline=None)
def test_shares_sum_to_the_count_and_grow_with_the_area(areas, count):
    areas = np.array(areas, float)
    nuclei = share(areas, count)
    assert nuclei.sum() == pytest.approx(count)
    order = np.argsort(areas, kind="stable")
    assert (np.diff(nuclei[order]) >= -1e-9).all()
    assert (nuclei >= 1 - 1e-6).all() if count >= len(areas) else (nuclei <= 1 + 1e-6).all()


def test_whole_components_bring_their_nuclei():
    labels = discs((128, 256), [(30, 30), (30, 90), (30, 200), (30, 212)], 10)
    pieces = Pieces(labels > 0, 4)
    assert pieces.number == 3
    assert pieces.within(0, 0, 128) == pytest.approx(2, abs=0.2)
    assert pieces.within(0, 128, 128) == pytest.approx(2, abs=0.2)
    assert pieces.within(64, 0, 64) == 0


def test_a_nucleus_on_the_border_is_a_piece_of_both_tiles():
    pieces = Pieces(discs((64, 128), [(32, 64)], 10) > 0, 1)
    assert pieces.within(0, 0, 64) == 1 and pieces.within(0, 64, 64) == 1


def test_without_a_count_k_is_the_components_in_the_tile():
    labels = discs((128, 256), [(30, 30), (30, 42), (30, 128)], 10)
    pieces = Pieces(labels > 0, None)
    assert [pieces.within(0, x, 128) for x in (0, 128)] == [2, 1]


def test_counter_by_source():
    labels = discs((100, 100), [(30, 30), (30, 42)], 10)
    rgb = np.zeros((100, 100, 3), np.uint8)

    def k(size, **how):
        return tile_counter(AnnotatedImage("a", "folder", rgb, labels, **how), size)(0, 0)

    assert k(128) == 2
    assert k(128, k_source="counts", count=7) == 7
    assert k(128, k_source="components") == 1
    assert k(128, k_source="none") is None
    assert k(64, k_source="counts", count=2) == pytest.approx(2, abs=0.2)


def test_near_the_true_k_on_simulated_images():
    # The docstring of data/pieces.py has the figures of more images
    true, ours, lower = [], [], []
    for image in simulate_subset(5, "stage1_train", 8, (384, 384)):
        labels = image.labels
        told, untold = Pieces(labels, int(labels.max())), Pieces(labels, None)
        for y in place(labels.shape[0], 128):
            for x in place(labels.shape[1], 128):
                true.append(np.count_nonzero(np.unique(labels[y : y + 128, x : x + 128])))
                ours.append(told.within(y, x, 128))
                lower.append(untold.within(y, x, 128))
    true, ours, lower = map(np.array, (true, ours, lower))
    assert np.mean(true) > 4
    assert np.abs(ours - true).mean() < 0.8 and abs((ours - true).mean()) < 0.3
    assert (lower <= true).all() and np.abs(ours - true).mean() < 0.6 * np.abs(lower - true).mean()
