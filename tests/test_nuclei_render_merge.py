"""Rendering against the plain torch formula; +P against a slow version from the text."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from canonuclei.models.shape import ShapeMLP
from canonuclei.models.transform import grid_points, to_canonical
from canonuclei.nuclei.merge import merge_contained, merged_masks
from canonuclei.nuclei.render import compose, render_instances


@pytest.fixture
def instances():
    torch.manual_seed(4)
    shape = ShapeMLP(noise=0.5).eval()
    lower = torch.zeros(7, 2, 2)
    lower[:, 0, 0], lower[:, 1, 1] = torch.rand(7) * 6 + 2, torch.rand(7) * 6 + 2
    lower[:, 1, 0] = torch.randn(7)
    t = -torch.einsum("nij,nj->ni", lower, torch.rand(7, 2) * 2.4 - 1.2)  # some cross the border
    p = torch.tensor([0.95, 0.5, 0.7, 0.49, 0.0, 1.0, 0.51])
    return lower, t, p, shape


def plain(lower, t, p, shape, grid, size) -> torch.Tensor:
    """p(s) · p(z) as the equations have it, (n, size, size)."""
    with torch.no_grad():
        product = shape(to_canonical(grid_points(grid, grid), lower, t)).exp() * p[:, None]
    maps = product.reshape(-1, 1, grid, grid)
    return torch.nn.functional.interpolate(maps, (size, size), mode="bilinear", align_corners=False)[:, 0]


@pytest.mark.parametrize("grid", [32, 128])
def test_masks_equal_the_plain_formula(instances, grid: int) -> None:
    product = plain(*instances, grid, 128).numpy()
    masks = render_instances(*instances, grid=grid)
    sure = np.abs(product - 0.5) > 1e-5
    assert masks.shape == (7, 128, 128) and masks.dtype == bool
    np.testing.assert_array_equal(masks[sure], (product >= 0.5)[sure])
    assert masks[0].any() and not masks[[1, 3, 4]].any()


@pytest.mark.parametrize("grid", [32, 128])
def test_composition_is_the_maximum_over_all_instances(instances, grid: int) -> None:
    lower, t, p, shape = instances
    highest = plain(lower, t, p, shape, grid, grid).amax(dim=0)
    expected = torch.nn.functional.interpolate(highest[None, None], (128, 128), mode="bilinear")[0, 0]
    np.testing.assert_allclose(compose(lower, t, p, shape, grid, tolerance=0), expected, atol=2e-6)
    np.testing.assert_allclose(compose(lower, t, p, shape, grid), expected, atol=1e-3)


def test_at_full_grid_the_composed_mask_is_the_union(instances) -> None:
    probability = compose(*instances)
    union = render_instances(*instances).any(axis=0)
    sure = np.abs(probability - 0.5) > 1e-5
    np.testing.assert_array_equal((probability >= 0.5)[sure], union[sure])


def test_nothing_present_and_no_instances(instances) -> None:
    lower, t, p, shape = instances
    assert not render_instances(lower, t, p * 0, shape).any()
    assert not compose(lower, t, p * 0, shape).any()
    assert render_instances(lower[:0], t[:0], p[:0], shape).shape == (0, 128, 128)
    assert not compose(lower[:0], t[:0], p[:0], shape, 32).any()


def test_one_instance_over_the_whole_tile() -> None:
    shape = ShapeMLP(noise=0.0)
    masks = render_instances([[[0.1, 0], [0, 0.1]]], [[0, 0]], [1.0], shape)
    assert masks.all()


def test_rendering_twice_is_the_same_and_order_does_not_matter(instances) -> None:
    lower, t, p, shape = instances
    masks = render_instances(lower, t, p, shape)
    back = torch.arange(6, -1, -1)
    np.testing.assert_array_equal(masks[::-1], render_instances(lower[back], t[back], p[back], shape))


def slow_groups(masks, p, ids, overlap) -> list[int]:
    """+P as the text has it, with sets."""
    pixels = [set(np.flatnonzero(mask)) for mask in masks]
    order = sorted(range(len(masks)), key=lambda i: (-len(pixels[i]), -p[i], ids[i]))
    head = {i: i for i in order if pixels[i]}
    changed = True
    while changed:
        changed = False
        for place, b in enumerate(order):
            for m in order[place + 1 :]:
                if pixels[m] and len(pixels[b] & pixels[m]) >= overlap * len(pixels[m]):
                    first = min(head[b], head[m], key=order.index)
                    changed |= head[b] != first or head[m] != first
                    head[b] = head[m] = first
    return [head.get(i, -1) for i in range(len(masks))]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 7), st.sampled_from([0.3, 0.5, 1.0]))
def test_groups_equal_the_slow_version(seed: int, count: int, overlap: float) -> None:
    random = np.random.default_rng(seed)
    masks = random.random((count, 4, 3)) < random.random((count, 1, 1)) * 0.8
    p = random.choice([0.6, 0.8], count)
    ids = random.permutation(count) + 1
    expected = slow_groups(masks.reshape(count, 12), p, ids, overlap)
    assert merge_contained(masks, p, ids, overlap).tolist() == expected
    flat = sparse.csr_matrix(masks.reshape(count, 12).astype(np.uint8))
    assert merge_contained(flat, p, ids, overlap).tolist() == expected
    dense, heads = merged_masks(masks, np.array(expected))
    unions, sparse_heads = merged_masks(flat, np.array(expected))
    assert heads.tolist() == sparse_heads.tolist() == sorted({head for head in expected if head >= 0})
    np.testing.assert_array_equal(unions.toarray().reshape(dense.shape).astype(bool), dense)
    for head, union in zip(heads, dense, strict=True):
        np.testing.assert_array_equal(union, masks[[i for i, h in enumerate(expected) if h == head]].any(0))


def strip(*ranges: tuple[int, int]) -> np.ndarray:
    masks = np.zeros((len(ranges), 1, 1000), np.uint8)
    for mask, (start, stop) in zip(masks, ranges, strict=True):
        mask[0, start:stop] = 1
    return masks


def test_exactly_half_joins_and_a_pixel_less_does_not() -> None:
    # masks of over 255 shared pixels: counts may not overflow
    assert merge_contained(strip((0, 600), (300, 900)), [1, 1], [1, 2]).tolist() == [0, 0]
    assert merge_contained(strip((0, 600), (301, 899)), [1, 1], [1, 2]).tolist() == [0, 0]
    assert merge_contained(strip((0, 600), (301, 900)), [1, 1], [1, 2]).tolist() == [0, 1]


def test_joining_is_transitive_but_tested_on_the_original_masks() -> None:
    chain = strip((0, 10), (5, 14), (10, 18))
    assert merge_contained(chain, [1, 1, 1], [1, 2, 3]).tolist() == [0, 0, 0]
    # the third is half in the union of the first two, in neither of them: it stays alone
    apart = strip((0, 10), (20, 30), (8, 10)) | 0
    apart[2] = 0
    apart[2, 0, [8, 9, 20, 21, 50, 51, 52]] = 1
    assert merge_contained(apart, [1, 1, 1], [1, 2, 3]).tolist() == [0, 1, 2]


def test_equal_areas_are_headed_by_the_higher_presence_then_the_lower_id() -> None:
    twins = strip((0, 10), (2, 12))
    assert merge_contained(twins, [0.6, 0.9], [1, 2]).tolist() == [1, 1]
    assert merge_contained(twins, [0.9, 0.9], [2, 1]).tolist() == [1, 1]


def test_empty_masks_are_in_no_group() -> None:
    assert merge_contained(strip((0, 10), (5, 5)), [1, 1], [1, 2]).tolist() == [0, -1]
    assert merge_contained(np.zeros((0, 8, 8)), [], []).tolist() == []
    masks, heads = merged_masks(np.zeros((0, 8, 8)), np.zeros(0))
    assert masks.shape == (0, 8, 8) and heads.size == 0
