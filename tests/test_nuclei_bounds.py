"""Proofs of where shapes end and how steep they are, against samples and the plain formula."""

import numpy as np
import pytest

from canonuclei.nuclei.bounds import DIRECTIONS, TOP, LevelBounds
from shapes_by_hand import FUSED, SHAPES, plain_u


def inside_polygon(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    edges = np.roll(corners, -1, axis=0) - corners
    side = edges[:, :1] * (y - corners[:, 1:]) - edges[:, 1:] * (x - corners[:, :1])
    return (side >= -1e-6).all(axis=0)


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_below_a_level_lies_outside_of_its_polygon(name: str) -> None:
    random = np.random.default_rng(0)
    radius, angle = np.exp(random.uniform(-6, 8, 100_000)), random.uniform(0, 2 * np.pi, 100_000)
    # a far piece is narrow: look around it, too
    near = np.stack([random.choice([6.0, 200.0, 900.0], 20_000), np.zeros(20_000)])
    near += random.normal(size=near.shape)
    x = np.concatenate([radius * np.cos(angle), near[0]])
    y = np.concatenate([radius * np.sin(angle), near[1]])
    u = plain_u(SHAPES[name], x, y)
    levels = np.array([-8.0, -4.0, -1.0, 0.0, 2.0, 6.9])
    for level, corners in zip(levels, FUSED[name].bounds.polygons(levels), strict=True):
        below = u <= level
        if np.isnan(corners).any():
            assert not below.any()
        elif np.isfinite(corners).all():
            assert inside_polygon(corners, x[below], y[below]).all()


@pytest.mark.parametrize("name", SHAPES)
def test_u_is_nowhere_steeper_than_proven(name: str) -> None:
    random = np.random.default_rng(1)
    start = random.normal(size=(2, 50_000)) * np.exp(random.uniform(-4, 5, 50_000))
    step = random.normal(size=start.shape) * np.exp(random.uniform(-4, 2, 50_000))
    change = np.abs(plain_u(SHAPES[name], *(start + step)) - plain_u(SHAPES[name], *start))
    slope = FUSED[name].bounds.slope
    assert (change <= slope * np.hypot(*step) * (1 + 1e-9) + 1e-6).all()
    if name == "disc":
        assert slope == pytest.approx(10)


def test_polygons_are_tight_where_they_can_be() -> None:
    corners = FUSED["disc"].bounds.polygons(np.array([0.0, 4.0]))
    reach = np.abs(corners).max(axis=(1, 2))
    assert corners.shape == (2, DIRECTIONS, 2)
    assert (reach >= [0.5, 0.9]).all() and (reach <= [0.54, 0.97]).all()
    ellipse_box = FUSED["ellipse"].bounds.polygons(np.array([0.0]))[0]
    found = np.argwhere(plain_u(SHAPES["ellipse"], *np.meshgrid(*[np.linspace(-2, 2, 801)] * 2)) <= 0)
    true = found.min(axis=0)[::-1] / 200 - 2, found.max(axis=0)[::-1] / 200 - 2
    assert np.abs(ellipse_box.min(axis=0) - true[0]).max() < 0.08
    assert np.abs(ellipse_box.max(axis=0) - true[1]).max() < 0.08


def test_where_nothing_can_be_proven_nothing_is() -> None:
    level = np.array([0.0])
    for name in ("arm", "inverted", "piece at 900"):
        assert np.isinf(FUSED[name].bounds.polygons(level)).all()
    # a second piece within what is searched belongs to the proof
    corners = FUSED["piece at 6"].bounds.polygons(level)[0]
    assert -1 < corners[:, 0].min() < -0.5 and 6.5 < corners[:, 0].max() < 8
    assert np.isinf(FUSED["disc"].bounds.polygons(np.array([TOP + 0.1]))).all()
    assert np.isnan(FUSED["disc"].bounds.polygons(np.array([-6.0, -np.inf]))).all()
    weights = [np.full((8, 3), np.nan), np.zeros((4, 11)), np.zeros((1, 7))]
    broken = LevelBounds.of(weights, [np.zeros(8), np.zeros(4), np.zeros(1)])
    assert np.isinf(broken.polygons(level)).all()
