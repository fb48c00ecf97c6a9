"""Measures without pixels against regionprops on rendered masks."""

import math

import numpy as np
import pytest
import torch
from skimage.measure import regionprops

from canonuclei.models.shape import ShapeMLP
from canonuclei.models.transform import grid_points, to_canonical
from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.measures import MEASURES, ShapeMeasures, describe_shape, measure, one_closed_piece
from canonuclei.nuclei.render import render_instances
from canonuclei.nuclei.union import group_measures


def disc(radius: float = 0.5, sharpness: float = 10.0) -> ShapeMLP:
    """An exact soft disc: the hidden units have no say."""
    return ShapeMLP(radius, sharpness, noise=0.0)


def bulge() -> ShapeMLP:
    """An off-centre, elongated shape that is no ellipse: u also rises with |x − 0.2| and with y."""
    shape = disc(0.6, 8.0)
    with torch.no_grad():
        for layer in (shape.layer1, shape.layer2):
            layer.weight.zero_()
            layer.bias.zero_()
        shape.layer1.weight[0, 0], shape.layer1.bias[0] = 1.0, -0.2
        shape.layer1.weight[1, 0], shape.layer1.bias[1] = -1.0, 0.2
        shape.layer2.weight[0, 0] = shape.layer2.weight[0, 1] = 1.0
        shape.layer3.weight[0, 0] = 6.0
        shape.layer3.weight[0, 5] = 3.0
    return shape


def constant(value: float) -> ShapeMLP:
    """u = value everywhere."""
    shape = disc()
    with torch.no_grad():
        shape.layer3.weight.zero_()
        shape.layer3.bias.fill_(value)
    return shape


def transforms(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Instances whose outlines stay inside the tile."""
    random = np.random.default_rng(seed)
    lower = np.zeros((count, 2, 2))
    lower[:, 0, 0], lower[:, 1, 1] = random.uniform(3, 6, (2, count))
    lower[:, 1, 0] = random.uniform(-3, 3, count)
    centre = random.uniform(-0.4, 0.4, (count, 2))
    return lower, -np.einsum("nij,nj->ni", lower, centre), random.uniform(0.55, 1.0, count)


@pytest.mark.parametrize("shape", [disc(), bulge()], ids=["disc", "bulge"])
def test_measures_equal_regionprops_at_high_resolution(shape: ShapeMLP) -> None:
    lower, t, p = transforms(4)
    size = 2048
    values = measure(lower, t, p, ShapeMeasures.of(shape), size, 300, 70)
    masks = render_instances(lower, t, p, shape, size, size)
    for index, mask in enumerate(masks):
        region = regionprops(mask.astype(np.uint8))[0]
        row, column = region.centroid
        # instances are 90 to 500 px across; what differs is the masks' own discretisation
        assert values["centroid-0"][index] == pytest.approx(row + 300, abs=0.05)
        assert values["centroid-1"][index] == pytest.approx(column + 70, abs=0.05)
        assert values["area"][index] == pytest.approx(region.area, rel=2e-3)
        major, minor = region.axis_major_length, region.axis_minor_length
        assert values["axis_major_length"][index] == pytest.approx(major, rel=2e-3)
        assert values["axis_minor_length"][index] == pytest.approx(minor, rel=2e-3)
        assert values["ellipse_area"][index] == pytest.approx(math.pi * major * minor / 4, rel=4e-3)
        assert values["eccentricity"][index] == pytest.approx(region.eccentricity, abs=5e-3)
        turn = values["orientation"][index] - region.orientation
        assert abs((turn + math.pi / 2) % math.pi - math.pi / 2) < 0.01


def test_measures_at_tile_resolution_are_within_a_pixel() -> None:
    shape = bulge()
    lower, t, p = transforms(8, seed=3)
    values = measure(lower, t, p, ShapeMeasures.of(shape))
    for index, mask in enumerate(render_instances(lower, t, p, shape)):
        region = regionprops(mask.astype(np.uint8))[0]
        assert values["centroid-0"][index] == pytest.approx(region.centroid[0], abs=0.3)
        assert values["centroid-1"][index] == pytest.approx(region.centroid[1], abs=0.3)
        assert values["area"][index] == pytest.approx(region.area, rel=0.05)
        assert values["axis_major_length"][index] == pytest.approx(region.axis_major_length, abs=0.6)


def test_tables_of_a_disc_are_its_closed_form() -> None:
    levels = np.linspace(0.5, 0.99, 40)
    area, centroid, covariance, box = ShapeMeasures.of(disc(0.5, 10)).at(levels)
    radius = 0.5 - np.log(levels / (1 - levels)) / 10
    np.testing.assert_allclose(area, np.pi * radius**2, rtol=2e-3)
    np.testing.assert_allclose(centroid, 0, atol=1e-4)
    # a disc's covariance is r²/4 in every direction
    np.testing.assert_allclose(covariance[:, 0, 0], radius**2 / 4, rtol=4e-3)
    np.testing.assert_allclose(covariance[:, 0, 1], 0, atol=1e-5)
    np.testing.assert_allclose(box[:, 2], radius, atol=2e-3)


def test_a_shape_far_from_the_origin_and_larger_than_the_grid_is_found() -> None:
    shape = disc(3.0, 4.0)
    area, _, _, box = ShapeMeasures.of(shape).at(np.array([0.5]))
    assert area[0] == pytest.approx(np.pi * 9, rel=1e-3)
    assert box[0] == pytest.approx([-3, -3, 3, 3], abs=0.01)
    described = describe_shape(shape)
    assert described["closed"] and not described["closed_in_grid"]
    assert one_closed_piece(described)  # L undoes its size


def test_no_pixel_means_no_measures() -> None:
    measures = ShapeMeasures.of(disc(0.5, 2.0))  # its maximum is sigmoid(1) = 0.73
    assert measures.highest == pytest.approx(0.731, abs=1e-3)
    values = measure(np.tile(np.eye(2) * 5, (3, 1, 1)), np.zeros((3, 2)), [0.0, 0.6, 0.9], measures)
    for name in MEASURES:
        assert np.isnan(values[name][:2]).all() and np.isfinite(values[name][2])
    assert all(len(value) == 0 for value in measure(np.zeros((0, 2, 2)), [], [], measures).values())
    with pytest.raises(ValueError, match="below"):
        measures.at(np.array([0.4]))


@pytest.mark.parametrize("shape", [constant(5.0), constant(-5.0)], ids=["empty", "everywhere"])
def test_shapes_without_an_outline_have_no_measures(shape: ShapeMLP) -> None:
    values = measure(np.eye(2)[None], np.zeros((1, 2)), [0.9], ShapeMeasures.of(shape))
    assert np.isnan(values["area"]).all()
    described = describe_shape(shape)
    assert not described["closed"] and described["area"] is None


def test_description_of_a_disc_and_of_an_off_centre_shape() -> None:
    described = describe_shape(disc(0.5))
    expected = {
        "has_inside": True,
        "closed": True,
        "closed_in_grid": True,
        "pieces": 1,
        "holes": 0,
        "convex": True,
    }
    assert {name: described[name] for name in expected} == expected
    assert described["equivalent_radius"] == pytest.approx(0.5, rel=1e-3)
    assert described["offset"] < 1e-3 and described["eccentricity"] < 0.03
    other = describe_shape(bulge())
    assert other["offset"] > 0.1 and other["eccentricity"] > 0.2


def test_an_inverted_shape_is_described_as_open() -> None:
    described = describe_shape(disc(0.5, -10.0))
    assert described["has_inside"] and not described["closed"]
    assert not one_closed_piece(described)
    assert described["holes"] == 1


def test_two_pieces_are_counted() -> None:
    shape = disc(0.6, 8.0)
    with torch.no_grad():
        shape.layer1.weight.zero_()
        shape.layer1.weight[0, 0], shape.layer1.weight[1, 0] = 1.0, -1.0
        shape.layer1.bias.zero_()
        shape.layer2.weight.zero_()
        shape.layer2.bias.zero_()
        # a wall along x = 0: 4 · relu(0.3 − |x|)
        shape.layer2.weight[0, 0] = shape.layer2.weight[0, 1] = -1.0
        shape.layer2.bias[0] = 0.3
        shape.layer3.weight[0, 0] = 40.0
    described = describe_shape(shape)
    assert described["pieces"] == 2 and not described["convex"]


def test_measures_of_a_union_equal_regionprops() -> None:
    shape = bulge()
    lower = np.tile(np.array([[4.0, 0.0], [1.0, 5.0]]), (2, 1, 1))
    t = -np.einsum("nij,nj->ni", lower, np.array([[0.0, 0.0], [0.1, 0.08]]))
    p = np.array([0.9, 0.8])
    place = np.array([[1024], [10], [20]])
    measures = group_measures(
        lower, t, p, np.array([0, 0]), FusedShape(shape), ShapeMeasures.of(shape), *place
    )
    values = {name: float(value[0]) for name, value in measures.items()}
    region = regionprops(render_instances(lower, t, p, shape, 1024, 1024).any(axis=0).astype(np.uint8))[0]
    assert values["area"] == pytest.approx(region.area, rel=5e-3)
    assert values["centroid-0"] == pytest.approx(region.centroid[0] + 10, abs=0.3)
    assert values["centroid-1"] == pytest.approx(region.centroid[1] + 20, abs=0.3)
    assert values["axis_major_length"] == pytest.approx(region.axis_major_length, rel=5e-3)
    assert values["orientation"] == pytest.approx(region.orientation, abs=0.02)


def test_fused_shape_equals_the_module() -> None:
    torch.manual_seed(1)
    shape = ShapeMLP(noise=1.0)
    lower = torch.tensor([[[3.0, 0.0], [1.0, 2.0]]])
    t = torch.tensor([[0.3, -0.2]])
    points = grid_points(100, 100)  # more than one block
    expected = shape.logit(to_canonical(points, lower, t)).detach().numpy()
    got = FusedShape(shape).instances(lower.numpy(), t.numpy(), points.numpy().T)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_degenerate_transforms_give_no_numbers_and_no_error() -> None:
    lower = np.array([[[4.0, 0.0], [0.0, 0.0]], [[np.nan, 0.0], [0.0, 4.0]], [[4.0, 0.0], [0.0, 4.0]]])
    values = measure(lower, np.zeros((3, 2)), [0.9, 0.9, 0.9], ShapeMeasures.of(disc()))
    assert not np.isfinite(values["area"][:2]).any() and np.isfinite(values["area"][2])
    assert not render_instances(lower[1:2], np.zeros((1, 2)), [0.9], disc()).any()
