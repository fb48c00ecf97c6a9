"""Whole images from overlapping tiles: every nucleus comes once."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.rows import nuclei_table
from canonuclei.nuclei.stitch import stitch, stitch_masks, stitch_semantic

SIZE = 128


def tiles_of(height: int, width: int, overlap: int = 32) -> pd.DataFrame:
    """Tiles at a stride of 128 − overlap, the last shifted inward; cells end at the overlaps' midpoints."""

    def axis(length: int) -> list[tuple[int, int, int]]:
        last = max(length - SIZE, 0)
        origins = [*range(0, last, SIZE - overlap), last]
        borders = [0, *((a + SIZE + b) // 2 for a, b in pairwise(origins)), length]
        return list(zip(origins, borders, borders[1:], strict=False))

    rows = [(y, x, y0, x0, y1, x1) for y, y0, y1 in axis(height) for x, x0, x1 in axis(width)]
    table = pd.DataFrame(rows, columns=["tile_y", "tile_x", "cell_y0", "cell_x0", "cell_y1", "cell_x1"])
    return table.assign(image_id="a", image_height=height, image_width=width)


def cut(whole: np.ndarray, tile: dict) -> np.ndarray:
    """What a tile sees of a whole-image map, padded to 128×128."""
    part = whole[..., tile["tile_y"] : tile["tile_y"] + SIZE, tile["tile_x"] : tile["tile_x"] + SIZE]
    space = [(0, 0)] * (whole.ndim - 2) + [(0, SIZE - part.shape[-2]), (0, SIZE - part.shape[-1])]
    return np.pad(part, space)


def discs(height: int, width: int, radius: float, spacing: float, seed: int = 0) -> np.ndarray:
    """Discs on a jittered lattice that do not touch, some cut by the image's border."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    masks = []
    for y in np.arange(0, height, spacing):
        for x in np.arange(0, width, spacing):
            jitter = random.uniform(-1, 1, 2) * (spacing / 2 - radius - 1)
            masks.append(np.hypot(rows - y - jitter[0], columns - x - jitter[1]) <= radius)
    return np.array([mask for mask in masks if mask.any()])


def parts_of(whole: np.ndarray, tiles: pd.DataFrame, shift: int = 0, seed: int = 0) -> list[tuple]:
    """Each tile's instances of the truth, each moved by up to ``shift`` px, with scores by chance."""
    random = np.random.default_rng(seed)
    parts = []
    for tile in tiles.to_dict("records"):
        moved = [np.roll(mask, random.integers(-shift, shift + 1, 2), (-2, -1)) for mask in cut(whole, tile)]
        parts.append((tile, np.array(moved), random.uniform(0.5, 1, len(moved))))
    return parts


def matches(truth: np.ndarray, masks) -> np.ndarray:
    """(truth, predicted) IoU."""
    flat = truth.reshape(len(truth), -1).astype(np.int64)
    predicted = masks.toarray().astype(np.int64)
    shared = flat @ predicted.T
    return shared / (flat.sum(1)[:, None] + predicted.sum(1)[None] - shared)


@pytest.mark.parametrize(("height", "width"), [(300, 260), (128, 128), (100, 90), (129, 300)])
def test_perfect_tiles_give_back_the_image(height: int, width: int) -> None:
    truth = discs(height, width, 8, 24)
    got = stitch_masks(parts_of(truth, tiles_of(height, width)))
    assert got.masks.shape == (len(truth), height * width)
    iou = matches(truth, got.masks)
    assert (iou.max(axis=1) == 1).all()
    assert len(set(iou.argmax(axis=1))) == len(truth)


@pytest.mark.parametrize("seed", range(3))
def test_every_nucleus_comes_once_though_tiles_disagree_by_a_pixel_or_two(seed: int) -> None:
    truth = discs(300, 260, 8, 24, seed)
    # np.roll wraps at the tile's border: what touches it is dropped, so no nucleus may lie near the image's
    inner = np.array([mask for mask in truth if mask[5:-5, 5:-5].sum() == mask.sum()])
    tiles = tiles_of(300, 260)
    parts = []
    for tile, masks, scores in parts_of(inner, tiles, 2, seed):
        rim = masks[:, [0, 1, -2, -1]].any(axis=(1, 2)) | masks[:, :, [0, 1, -2, -1]].any(axis=(1, 2))
        parts.append((tile, masks[~rim], scores[~rim]))
    got = stitch_masks(parts)
    assert len(got.ids) == len(inner)
    assert (matches(inner, got.masks).max(axis=1) > 0.5).all()


def test_a_nucleus_on_the_border_kept_by_both_or_by_none() -> None:
    tiles = tiles_of(128, 224)  # two tiles, the border of their cells at column 112
    assert tiles["cell_x1"].tolist() == [112, 224]

    def instance(tile: int, column: float) -> np.ndarray:
        rows, columns = np.mgrid[:SIZE, :SIZE]
        return (np.hypot(rows - 60, columns + tiles["tile_x"][tile] - column) <= 10)[None]

    rows = tiles.to_dict("records")

    def ids(left: float, right: float, scores=(0.9, 0.8)) -> list[int]:
        parts = [(rows[0], instance(0, left), scores[:1]), (rows[1], instance(1, right), scores[1:])]
        return stitch_masks(parts).ids.tolist()

    assert ids(110, 113) == [1]  # both would keep it: the higher score stays
    assert ids(110, 113, (0.7, 0.8)) == [2]
    assert ids(113, 110) == [1]  # none would: the higher score comes in
    assert ids(113, 110, (0.7, 0.8)) == [2]
    assert ids(105, 108) == [1] and ids(114, 117) == [2]
    assert ids(111.5, 111.5) == [2]  # a centroid on the border belongs to the right cell: half-open
    assert ids(90, 130) == [1, 2]  # two nuclei


def test_a_nucleus_wider_than_the_overlap_is_joined() -> None:
    tiles = tiles_of(128, 224)
    truth = np.zeros((1, 128, 224), bool)
    truth[0, 40:80, 30:200] = True
    got = stitch_masks(parts_of(truth, tiles))
    np.testing.assert_array_equal(got.masks.toarray().reshape(truth.shape).astype(bool), truth)


def test_instances_of_one_tile_are_never_twins() -> None:
    tile = tiles_of(128, 128).to_dict("records")[0]
    masks = np.zeros((3, 128, 128), bool)
    masks[:2, 10:20, 10:20] = True
    assert stitch_masks([(tile, masks, [0.9, 0.8, 0.7])]).ids.tolist() == [1, 2]  # and the empty one goes


def test_no_instances() -> None:
    tiles = tiles_of(100, 300)
    got = stitch_masks([(tile, np.zeros((0, 128, 128), bool), []) for tile in tiles.to_dict("records")])
    assert got.masks.shape == (0, 30000) and got.ids.size == got.scores.size == 0


def test_canonical_instances_are_stitched_from_their_table() -> None:
    height, width, radius = 200, 230, 9.0
    random = np.random.default_rng(1)
    centres = np.array([(y, x) for y in range(14, 190, 26) for x in range(14, 220, 26)], float)
    centres += random.uniform(-2, 2, centres.shape)
    tiles = tiles_of(height, width)
    lower = np.tile(np.eye(2) * 0.5 * (SIZE / 2) / radius, (len(tiles), len(centres), 1, 1))
    t, p = np.zeros((*lower.shape[:2], 2)), np.ones(lower.shape[:2])
    for index, tile in enumerate(tiles.to_dict("records")):
        points = (centres[:, ::-1] - [tile["tile_x"], tile["tile_y"]]) * 2 / SIZE + 1 / SIZE - 1
        t[index] = -np.einsum("nij,nj->ni", lower[index], points)
    shape = ShapeMLP(noise=0.0)
    table = nuclei_table(tiles, lower, t, p, shape)
    for merged in (False, True):
        got = stitch(table, tiles, shape, merged=merged)
        assert len(got.ids) == len(centres) == len(set(got.ids))
        rows = table.set_index("id").loc[got.ids]
        masks = got.masks.toarray().reshape(-1, height, width)
        for mask, (_, row) in zip(masks, rows.iterrows(), strict=True):
            found = np.argwhere(mask).mean(axis=0)
            assert np.hypot(*(found - [row["centroid-0"], row["centroid-1"]])) < 0.3
            assert np.hypot(*(centres - found).T).min() < 0.3
    again = stitch(table, tiles, shape)
    np.testing.assert_array_equal(again.masks.indices, stitch(table, tiles, shape).masks.indices)


def test_semantic_maps_take_each_tile_s_cell() -> None:
    whole = np.random.default_rng(0).integers(0, 255, (150, 90)).astype(np.uint8)
    tiles = tiles_of(150, 90)
    masks = np.stack([cut(whole, tile) for tile in tiles.to_dict("records")])
    for mask, tile in zip(masks, tiles.to_dict("records"), strict=True):
        y, x = tile["tile_y"], tile["tile_x"]
        own = np.s_[tile["cell_y0"] - y : tile["cell_y1"] - y, tile["cell_x0"] - x : tile["cell_x1"] - x]
        outside = np.ones(mask.shape, bool)
        outside[own] = False
        mask[outside] = 7  # what lies outside must not matter
    np.testing.assert_array_equal(stitch_semantic(tiles, masks), whole)
