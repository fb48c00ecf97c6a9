"""nuclei.geojson: by what QuPath's reader takes, and polygons that any geometry library calls valid."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from canonuclei.segmentation.geojson import (
    clipped,
    ellipse_polygons,
    outline_polygons,
    signed_area,
    union_outline,
)
from segment_fixtures import HEIGHT, WIDTH, standin
from segment_standins import Places, coordinates, segmenter

# qupath-core, PathObjectTypeAdapters.java: of a feature, and of its properties, what is read, and as what
READ = {"type": str, "id": str, "geometry": dict, "properties": dict}
PROPERTIES = {
    **{"objectType": str, "name": str, "color": list, "classification": dict},
    **{"measurements": dict, "metadata": dict},
}


def check_polygon(feature: dict) -> shapely.Polygon:
    """As QuPath's reader and RFC 7946 want it; the polygon."""
    assert all(isinstance(feature[key], kind) for key, kind in READ.items()) and set(feature) == set(READ)
    properties = feature["properties"]
    assert all(isinstance(value, PROPERTIES[key]) for key, value in properties.items())
    assert properties["objectType"] == "detection"
    assert all(isinstance(value, float) for value in properties["measurements"].values())
    assert set(properties["classification"]) == {"name", "color"}
    for colour in (properties["classification"]["color"], properties.get("color", [0, 0, 0])):
        assert len(colour) == 3 and all(type(value) is int and 0 <= value <= 255 for value in colour)
    uuid.UUID(feature["id"])
    polygon = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert isinstance(polygon, shapely.Polygon) and polygon.is_valid and polygon.area > 0
    assert polygon.exterior.is_ccw and not polygon.interiors
    return polygon


def features_of(found: object, folder: Path) -> list[dict]:
    found.write(folder / "out")
    return json.loads((folder / "out" / "nuclei.geojson").read_text())["features"]


def test_geojson_is_what_qupath_reads(tmp_path: Path) -> None:
    found = standin().segment(coordinates(HEIGHT, WIDTH))
    for ellipses in (False, True):
        found.write(tmp_path / "out" / "a", ellipses=ellipses)
        content = json.loads((tmp_path / "out" / "a" / "nuclei.geojson").read_text())
        assert content["type"] == "FeatureCollection" and len(content["features"]) == len(found.nuclei)
        for feature, (_, row) in zip(content["features"], found.nuclei.iterrows(), strict=True):
            assert feature["type"] == "Feature" and feature["geometry"]["type"] == "Polygon"
            assert feature["properties"]["objectType"] == "detection"
            assert feature["properties"]["classification"]["name"] == "Nucleus"
            numbers = feature["properties"]["measurements"]
            assert numbers["area"] == pytest.approx(row["area"], rel=1e-4)
            assert all(np.isfinite(value) for value in numbers.values())
            ring = np.array(feature["geometry"]["coordinates"][0])
            assert (ring[0] == ring[-1]).all() and len(ring) > 3
            assert (ring >= 0).all() and (ring <= [WIDTH, HEIGHT]).all()
            check_polygon(feature)
            if not row["touches_border"]:
                assert signed_area(ring[:-1]) == pytest.approx(row["area"], rel=0.02)
                # corners of pixels: half a pixel more than their centres
                middle = (ring.max(axis=0) + ring.min(axis=0)) / 2 - 0.5
                assert middle == pytest.approx([row["centroid-1"], row["centroid-0"]], abs=0.1)
    assert len({feature["id"] for feature in content["features"]}) == len(found.nuclei)


def test_ellipses_and_outlines_of_discs_are_alike() -> None:
    found = standin().segment(coordinates(HEIGHT, WIDTH))
    outlines = outline_polygons(found.nuclei, found.shape, 0.5)
    for outline, ellipse in zip(outlines, ellipse_polygons(found.nuclei), strict=True):
        assert abs(signed_area(outline)) == pytest.approx(abs(signed_area(ellipse)), rel=0.01)
        assert outline.mean(axis=0) == pytest.approx(ellipse.mean(axis=0), abs=0.05)


def test_clipping_to_the_image() -> None:
    square = np.array([[-5.0, -5], [5, -5], [5, 5], [-5, 5]])
    assert signed_area(clipped(square, 10, 10)) == 25
    assert signed_area(clipped(square + 10, 10, 10)) == 25
    assert len(clipped(square - 20, 10, 10)) == 0
    np.testing.assert_array_equal(clipped(square + 5, 10, 10), square + 5)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("corner", [(0, 0), (30, 0), (0, 30), (30, 30), (15, 0), (0, 15)])
def test_a_lobed_outline_that_the_edge_cuts_in_two_stays_a_polygon(corner: tuple, turned: bool) -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 10 + 6 * np.cos(5 * angle)
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + corner + [0.3, 0.7]
    ring = ring[::-1] if turned else ring
    whole = shapely.Polygon(ring).intersection(shapely.box(0, 0, 30, 30))
    found = shapely.Polygon(clipped(ring, 30, 30))
    assert found.is_valid
    # the largest part of what is left, after each edge in turn
    largest = max(shapely.get_parts(whole), key=shapely.area)
    assert found.area == pytest.approx(largest.area, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)))
def test_outlines_of_unions_are_polygons_whatever_the_mask(mask: np.ndarray) -> None:
    mask[0, 0] = True
    polygon = shapely.Polygon(union_outline(np.array([4, 7, *np.add(mask.shape, [4, 7])]), mask))
    assert polygon.is_valid and polygon.area > 0
    assert shapely.box(7, 4, 7 + mask.shape[1], 4 + mask.shape[0]).covers(polygon)


def test_merged_and_cut_nuclei_are_polygons(tmp_path: Path) -> None:
    discs = np.array([[60, 60, 14.1, 0.99], [60, 72, 6.1, 0.99], [2, 30, 9.1, 0.7], [150, 119, 20.3, 0.9]])
    found = segmenter(Places(discs)).segment(coordinates(160, 120))
    features = features_of(found, tmp_path)
    assert len(features) == len(found.nuclei) == 3 and (found.nuclei["merged_from"] != "").any()
    for feature, (_, row) in zip(features, found.nuclei.iterrows(), strict=True):
        polygon = check_polygon(feature)
        pixels = np.count_nonzero(found.labels == row["id"])
        assert polygon.area == pytest.approx(pixels, rel=0.05)


def test_doubtful_nuclei_have_a_colour_and_say_why(tmp_path: Path) -> None:
    found = segmenter(Places(np.array([[40, 40, 9.1, 0.99], [40, 80, 9.1, 0.55]]))).segment(
        coordinates(90, 128)
    )
    told = {feature["properties"]["name"]: feature["properties"] for feature in features_of(found, tmp_path)}
    for _, row in found.nuclei.iterrows():
        properties = told[str(row["id"])]
        assert properties["classification"]["name"] == "Nucleus"
        assert properties.get("metadata", {}).get("doubt", "") == row["doubt"]
        assert ("color" in properties) == (row["doubt"] != "")
    assert sorted("color" in properties for properties in told.values()) == [False, True]
