"""Windows, blocks and rasters, against plain formulas on the whole grid."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from canonuclei.benchmarks.plain import plain_instances_masks
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.blocks import blocks_of, inside_blocks
from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.merge import merge_contained, merge_pixels
from canonuclei.nuclei.render import compose, compose_tiles, render_instances
from canonuclei.nuclei.windows import place, render_windows
from canonuclei.segmentation.model import load_model
from shapes_by_hand import FUSED, SHAPES, disc, ellipse, noisy, plain_u, second_piece, unbounded


def plain_product(shape: ShapeMLP, lower, t, p, rows: np.ndarray, columns: np.ndarray, size: float):
    """(n, len(rows), len(columns)) p(s) · p(z); rows and columns in pixels of the frame."""
    x, y = np.meshgrid((2 * columns + 1) / size - 1, (2 * rows + 1) / size - 1)
    lower, t = np.asarray(lower, np.float64)[..., None, None], np.asarray(t, np.float64)[..., None, None]
    u = plain_u(shape, lower[:, 0, 0] * x + t[:, 0], lower[:, 1, 0] * x + lower[:, 1, 1] * y + t[:, 1])
    return np.asarray(p, np.float64)[:, None, None] / (1 + np.exp(np.clip(u, -700, 700)))


def rounded(shape: ShapeMLP, lower, t, p, rows: np.ndarray, columns: np.ndarray, size: float):
    """(n, len(rows), len(columns)) by how much p(s) · p(z) may be off in float32, whatever the order of sums.

    Every sum is off by the eps of its terms; no more can be asked of any float32, the plain one included.
    """
    x, y = np.meshgrid(np.abs((2 * columns + 1) / size - 1), np.abs((2 * rows + 1) / size - 1))
    lower, t = (np.abs(np.asarray(part, np.float64))[..., None, None] for part in (lower, t))
    x, y = lower[:, 0, 0] * x + t[:, 0], lower[:, 1, 0] * x + lower[:, 1, 1] * y + t[:, 1]
    inputs = hidden = np.stack([x, y, np.hypot(x, y)], axis=-1)
    for number, layer in enumerate((shape.layer1, shape.layer2, shape.layer3)):
        weight, bias = (part.detach().numpy().astype(np.float64) for part in (layer.weight, layer.bias))
        hidden = np.concatenate([hidden, inputs], -1) if number else inputs
        hidden = hidden @ np.abs(weight).T + np.abs(bias)
    # a sigmoid is nowhere steeper than 1/4
    return np.asarray(p, np.float64)[:, None, None] / 4 * 2.0**-23 * hidden[..., 0]


def some_instances(seed: int, count: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tiny and huge, inside of the tile, across its border and beyond; p(z) of every kind."""
    random = np.random.default_rng(seed)
    lower = np.zeros((count, 2, 2), np.float32)
    lower[:, 0, 0], lower[:, 1, 1] = np.exp(random.uniform(-2.5, 4, (2, count)))
    lower[:, 1, 0] = random.normal(size=count) * lower[:, 0, 0]
    t = -np.einsum("nij,nj->ni", lower, random.uniform(-1.4, 1.4, (count, 2))).astype(np.float32)
    p = random.choice([0.0, 0.0005, 0.3, 0.5, 0.5001, 0.7, 0.999, 1.0], count).astype(np.float32)
    return lower, t, p


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(SHAPES)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.5, 0.2, 0.9]),
    st.sampled_from([61, 100, 128]),  # multiples of the blocks, and not
)
def test_masks_and_composition_are_the_plain_ones(name: str, seed: int, threshold: float, size: int) -> None:
    lower, t, p = some_instances(seed)
    product = plain_product(SHAPES[name], lower, t, p, np.arange(size), np.arange(size), size)
    # the steepest of these shapes multiply by thousands what float32 makes of coordinates of hundreds
    off = rounded(SHAPES[name], lower, t, p, np.arange(size), np.arange(size), size)
    sure = np.abs(product - threshold) > 1e-5 + off
    masks = render_instances(lower, t, p, FUSED[name], size, size, threshold)
    np.testing.assert_array_equal(masks[sure], (product >= threshold)[sure])
    windows = render_windows(lower, t, p, FUSED[name], threshold, frame=(0, 0, size))
    np.testing.assert_array_equal(windows.stack(size, size), masks)
    assert windows.areas().tolist() == masks.sum(axis=(1, 2)).tolist()
    assert all(mask.any(axis=1).all() or mask.any(axis=0).all() or mask.size for mask in windows.masks)
    difference = np.abs(compose(lower, t, p, FUSED[name], size, size) - product.max(axis=0))
    assert (difference <= 1e-3 + off.max(axis=0)).all()


TRAINED_LIKE = {
    "embedded": lambda: load_model().network.shape,
    "disc": disc,
    "ellipse": ellipse,
    "as initialized": ShapeMLP,
    "noise 1": lambda: noisy(1, 1.0),
    "arm": unbounded,
}


@pytest.mark.parametrize("name", TRAINED_LIKE)
def test_nothing_differs_from_plain_inference(name: str) -> None:
    """The issue's own terms: 1e-5 around the threshold and 1e-3 of p(y), against float32, at any size."""
    shape, random = TRAINED_LIKE[name](), np.random.default_rng(7)
    fused = FusedShape(shape)
    for size in (128, 100):
        lower = np.zeros((2, 12, 2, 2), np.float32)
        # nuclei of 3 to 60 px radius, turned and elongated, with their centres in and around the tile
        lower[..., 0, 0], lower[..., 1, 1] = 32 / np.exp(random.uniform(np.log(3), np.log(60), (2, 2, 12)))
        lower[..., 1, 0] = random.normal(size=(2, 12)) * lower[..., 0, 0] / 2
        t = -np.einsum("bnij,bnj->bni", lower, random.uniform(-1.2, 1.2, (2, 12, 2))).astype(np.float32)
        logit = torch.from_numpy(random.normal(scale=5, size=(2, 12)).astype(np.float32))
        p = logit.sigmoid().numpy()
        plain = plain_instances_masks(shape, torch.from_numpy(lower), torch.from_numpy(t), logit, size)
        windows = render_windows(lower, t, p, fused, frame=(0, 0, size))
        sure = ((plain.likelihood - 0.5).abs() > 1e-5).numpy().reshape(24, size, size)
        got, expected = windows.stack(size, size), plain.masks.numpy().reshape(24, size, size)
        np.testing.assert_array_equal(got[sure], expected[sure])
        composed = compose_tiles(lower, t, p, fused, size, size)
        assert np.abs(composed - plain.composed.numpy()).max() <= 1e-3


@pytest.mark.parametrize("column", [0, 7])
def test_blocks_decide_as_their_pixels_do_where_float32_is_coarse(column: int) -> None:
    # u changes by 0.15 from one float32 to the next at x = 200, and by its whole steepness along x; it is 0
    # within some such steps of a block's first or last column
    fused, random = FusedShape(second_piece(200.0)), np.random.default_rng(3)
    lower = np.tile(np.diag([0.9371, 1e-4]), (200, 1, 1))
    pixel = 8 * random.integers(16, size=200) + column
    zero = (1e4 * 201 + 5) / 10010 + random.uniform(-5e-5, 5e-5, 200)
    t = np.stack([zero - 0.9371 * ((2 * pixel + 1) / 128 - 1), np.zeros(200)], axis=1)
    placed, _ = place(fused, lower, t, np.ones(200), (0, 0, 128))
    found, levels = np.zeros((200, 128, 128), bool), np.zeros(200)
    for blocks, inside in inside_blocks(placed, levels, (0, 0, 128, 128)):
        for owner, y, x, part in zip(blocks.owner, blocks.y, blocks.x, inside, strict=True):
            found[owner, y : y + 8, x : x + 8] = part.reshape(8, 8)
    every = blocks_of(np.tile([0, 0, 128, 128], (200, 1)), 8)
    u = placed.pixels(every).reshape(200, 16, 16, 8, 8).swapaxes(2, 3).reshape(200, 128, 128)
    assert 0.3 < (u[np.arange(200), 0, pixel] <= 0).mean() < 0.7
    np.testing.assert_array_equal(found, u <= 0)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.sampled_from(["disc", "ellipse", "arm", "noise 1"]), st.integers(0, 2**32 - 1))
def test_on_the_coarse_grid_too(name: str, seed: int) -> None:
    lower, t, p = some_instances(seed)
    coarse = torch.from_numpy(plain_product(SHAPES[name], lower, t, p, np.arange(15), np.arange(15), 15))
    fine = [
        torch.nn.functional.interpolate(maps, (60, 60), mode="bilinear", align_corners=False)[:, 0].numpy()
        for maps in (coarse[:, None], coarse.amax(dim=0)[None, None])
    ]
    sure = np.abs(fine[0] - 0.5) > 2e-5
    masks = render_instances(lower, t, p, FUSED[name], 15, 60)
    np.testing.assert_array_equal(masks[sure], (fine[0] >= 0.5)[sure])
    exact = compose(lower, t, p, FUSED[name], 15, 60, tolerance=0)
    np.testing.assert_allclose(exact, fine[1][0], atol=3e-5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.sampled_from(["disc", "ellipse", "piece at 6", "arm"]), st.integers(0, 2**32 - 1))
def test_frames_may_lie_anywhere_and_be_fractional(name: str, seed: int) -> None:
    lower, t, p = some_instances(seed, 5)
    random = np.random.default_rng(seed)
    y, x, size = random.uniform(-30, 60, 5), random.uniform(-30, 60, 5), random.uniform(20, 90, 5)
    extent = (3, -2, 71, 90)
    windows = render_windows(lower, t, p, FUSED[name], frame=(y, x, size), extent=extent)
    for index, (box, mask) in enumerate(zip(windows.boxes, windows.masks, strict=True)):
        rows, columns = np.arange(3, 71) - y[index], np.arange(-2, 90) - x[index]
        one = slice(index, index + 1)
        product = plain_product(SHAPES[name], lower[one], t[one], p[one], rows, columns, size[index])[0]
        got = np.zeros(product.shape, bool)
        got[box[0] - 3 : box[2] - 3, box[1] + 2 : box[3] + 2] = mask
        # float32 coordinates, and the dent of the second piece has a slope of 100
        sure = np.abs(product - 0.5) > 1e-4
        np.testing.assert_array_equal(got[sure], (product >= 0.5)[sure])


def test_every_instance_has_an_extent_of_its_own() -> None:
    lower, t = np.tile(np.eye(2, dtype=np.float32), (2, 1, 1)) * 0.1, np.zeros((2, 2), np.float32)
    extent = np.array([[0, 0, 10, 12], [5, 5, 9, 8]])
    boxes, masks = render_windows(lower, t, [0.9, 0.9], FUSED["disc"], frame=(0, 0, 16), extent=extent)
    assert boxes.tolist() == extent.tolist() and all(mask.all() for mask in masks)


def test_no_instances_and_degenerate_transforms() -> None:
    nothing = np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros(0)
    boxes, masks = render_windows(*nothing, FUSED["disc"])
    assert boxes.shape == (0, 4) and masks == []
    no_tiles = np.zeros((0, 3, 2, 2)), np.zeros((0, 3, 2)), np.zeros((0, 3))
    assert compose_tiles(*no_tiles, SHAPES["disc"]).shape == (0, 128, 128)
    lower = np.array([[[0, 0], [0, 0]], [[np.nan, 0], [0, 4]], [[np.inf, 0], [0, 4]], [[4, 0], [0, 0]]])
    boxes, masks = render_windows(lower, np.zeros((4, 2)), [0.9] * 4, FUSED["disc"])
    # L = 0 maps the whole tile to the shape's middle; a band where one direction collapses
    assert masks[0].shape == (128, 128) and masks[0].all()
    assert masks[1].size == 0 and masks[2].size == 0
    assert masks[3].shape[0] == 128 and 0 < masks[3].shape[1] < 40


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["disc", "arm", "inverted"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_transforms_that_are_not_finite_draw_nothing_and_hide_nobody(name: str, value: float) -> None:
    lower, t = np.tile(np.eye(2) * 4, (6, 1, 1)), np.zeros((6, 2))
    for row, place_of in enumerate([(0, 0), (1, 0), (1, 1)]):
        lower[(row, *place_of)] = value
    t[3, 0] = t[4, 1] = value
    for size in (128, 61):
        windows = render_windows(lower, t, [0.9] * 6, FUSED[name], frame=(0, 0, size))
        assert (windows.areas()[:5] == 0).all() and windows.areas()[5] > 0
        assert not render_instances(lower, t, [0.9] * 6, FUSED[name], 32, 64)[:5].any()
        alone = compose(lower[5:], t[5:], [0.9], FUSED[name], size, size)
        np.testing.assert_array_equal(compose(lower, t, [0.9] * 6, FUSED[name], size, size), alone)


def test_a_shape_that_does_not_end_is_told_of_once(capsys: pytest.CaptureFixture) -> None:
    FusedShape.proven(disc())
    assert capsys.readouterr().err == ""
    endless = unbounded()
    for _ in range(2):
        assert "bounds" in vars(FusedShape.proven(endless))
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "not proven to end" in told and "slower" in told


def test_a_huge_image_is_not_computed_where_a_nucleus_cannot_be() -> None:
    fused, asked = FusedShape(disc()), []
    logit = fused.logit
    fused.logit = lambda points: asked.append(points.shape[1]) or logit(points)
    lower = np.eye(2, dtype=np.float32)[None] * 4
    windows = render_windows(lower, np.zeros((1, 2)), [0.9], fused, extent=(0, 0, 100_000, 100_000))
    assert windows.areas()[0] == pytest.approx(np.pi * (0.478 / 4 * 64) ** 2, rel=0.03)
    assert sum(asked) < 2500


def test_tiles_composed_together_equal_each_alone() -> None:
    parts = [some_instances(seed, 6) for seed in range(20)]
    lower, t, p = (np.stack(part) for part in zip(*parts, strict=True))
    together = compose_tiles(lower, t, p, FUSED["ellipse"], 64, 64)
    for one, *tile in zip(together, *(lower, t, p), strict=True):
        # some processors add up a matrix product of another size in another order
        np.testing.assert_allclose(one, compose(*tile, FUSED["ellipse"], 64, 64), rtol=1e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_groups_from_lists_of_pixels_are_those_of_the_masks(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    masks = random.random((2, count, 5, 5)) < random.random((2, count, 1, 1))
    p, ids = random.choice([0.6, 0.8], (2, count)), np.arange(2 * count).reshape(2, count)
    apart = [merge_contained(masks[tile], p[tile], ids[tile]) for tile in (0, 1)]
    apart[1][apart[1] >= 0] += count
    owner, pixel = np.nonzero(masks.reshape(2 * count, 25))
    got = merge_pixels(owner, pixel + 25 * (owner >= count), p.ravel(), ids.ravel())
    assert got.tolist() == np.concatenate(apart).tolist()
