"""Files of segmented images, batches with bad images among them, the command, and thresholds from files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from canonuclei.cli import main
from canonuclei.nuclei.tables import read_nuclei
from canonuclei.segmentation.geojson import clipped, ellipse_polygons, outline_polygons
from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.stored import read_segmentation
from segment_fixtures import HEIGHT, WIDTH, standin
from segment_standins import coordinates

pytest_plugins = ("segment_fixtures",)
FILES = {"labels.tif", "nuclei.csv", "nuclei.geojson", "overlay.png", "candidates.csv.gz", "metadata.json"}
FILES |= {"shape.json"}


def area(ring: np.ndarray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2


def test_files_of_an_image(tmp_path: Path) -> None:
    found = standin().segment(coordinates(HEIGHT, WIDTH), pixel_size=0.5)
    found.write(tmp_path / "out" / "a")
    assert {path.name for path in (tmp_path / "out" / "a").iterdir()} == FILES
    with tifffile.TiffFile(tmp_path / "out" / "a" / "labels.tif") as file:
        np.testing.assert_array_equal(file.asarray(), found.labels)
        assert file.asarray().dtype == np.int32
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata and file.pages[0].tags["XResolution"].value[0] > 0
    table = pd.read_csv(tmp_path / "out" / "a" / "nuclei.csv")
    assert list(table.columns) == list(found.nuclei.columns)
    np.testing.assert_allclose(table["area_um2"], found.nuclei["area"] * 0.25, rtol=1e-7)
    assert len(read_nuclei(tmp_path / "out" / "a" / "candidates.csv.gz")) == len(found.candidates)
    with Image.open(tmp_path / "out" / "a" / "overlay.png") as overlay:
        assert overlay.width == WIDTH * 2
    metadata = json.loads((tmp_path / "out" / "a" / "metadata.json").read_text())
    for key in ("threshold", "keep", "merge_overlap", "scale", "tile_overlap", "versions", "warnings"):
        assert key in metadata
    assert metadata["guaranteed_whole_diameter_px"] == 64


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
            if not row["touches_border"]:
                assert area(ring[:-1]) == pytest.approx(row["area"], rel=0.02)
                # corners of pixels: half a pixel more than their centres
                middle = (ring.max(axis=0) + ring.min(axis=0)) / 2 - 0.5
                assert middle == pytest.approx([row["centroid-1"], row["centroid-0"]], abs=0.1)
    assert len({feature["id"] for feature in content["features"]}) == len(found.nuclei)


def test_ellipses_and_outlines_of_discs_are_alike() -> None:
    found = standin().segment(coordinates(HEIGHT, WIDTH))
    outlines = outline_polygons(found.nuclei, found.shape, 0.5)
    for outline, ellipse in zip(outlines, ellipse_polygons(found.nuclei), strict=True):
        assert area(outline) == pytest.approx(area(ellipse), rel=0.01)
        assert outline.mean(axis=0) == pytest.approx(ellipse.mean(axis=0), abs=0.05)


def test_clipping_to_the_image() -> None:
    square = np.array([[-5.0, -5], [5, -5], [5, 5], [-5, 5]])
    assert area(clipped(square, 10, 10)) == 25
    assert area(clipped(square + 10, 10, 10)) == 25
    assert len(clipped(square - 20, 10, 10)) == 0
    np.testing.assert_array_equal(clipped(square + 5, 10, 10), square + 5)


def test_bad_images_do_not_stop_the_others(
    images: Path, loaded: Segmenter, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (images / "b.png").write_bytes((images / "a.png").read_bytes()[:60])
    (images / "broken.tif").write_bytes(b"II*\0" + b"\0" * 9)
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(images), "--output", str(tmp_path / "out"), "--quiet", "--no-explain"])
    assert ended.value.code == 1
    told = capsys.readouterr()
    lines = told.err.strip().splitlines()
    assert sum(line.startswith("Error: ") for line in lines) == 2 and "2 of 4 images failed" in lines[-1]
    assert "b.png" in told.err and "broken.tif" in told.err and "Traceback" not in told.err
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["status"].tolist() == ["done", "failed", "failed", "done"]
    assert summary["error"].notna().tolist() == [False, True, True, False]
    counts = pd.read_csv(tmp_path / "out" / "counts.csv")
    assert counts["image"].tolist() == ["a", "c"] and (counts["count"] > 0).all()
    for name in ("a", "c"):
        assert {path.name for path in (tmp_path / "out" / name).iterdir()} == FILES
    first = (tmp_path / "out" / "a" / "nuclei.csv").read_bytes()
    assert first == (tmp_path / "out" / "c" / "nuclei.csv").read_bytes()


def test_a_failing_image_keeps_no_old_result(images: Path, loaded: Segmenter, tmp_path: Path) -> None:
    call = ["segment", str(images), "--output", str(tmp_path / "out"), "--quiet", "--no-explain"]
    main(call)
    (images / "c.png").write_bytes(b"")
    with pytest.raises(SystemExit):
        main(call)
    assert pd.read_csv(tmp_path / "out" / "counts.csv")["image"].tolist() == ["a"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--threshold", "0.01"],
        ["--scale", "2", "--diameter", "9"],
        ["--scale", "100"],
    ],
)
def test_arguments_out_of_range_end_the_command(
    arguments: list[str], images: Path, loaded: Segmenter, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(images), "--output", str(tmp_path / "out"), "--quiet", *arguments])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("Error: ")


def test_images_that_cannot_be_told_apart(images: Path, loaded: Segmenter, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").write_bytes((images / "a.png").read_bytes())
    for call in ([images, other / "a.png"], [tmp_path / "nowhere.png"], [tmp_path]):
        with pytest.raises(SystemExit) as ended:
            main(["segment", *map(str, call), "--output", str(tmp_path / "out"), "--quiet"])
        assert ended.value.code == 1


@pytest.mark.parametrize("scale", [None, 0.7])
def test_rethreshold_is_a_fresh_segmentation(
    scale: float | None, images: Path, loaded: Segmenter, tmp_path: Path
) -> None:
    more = [] if scale is None else ["--scale", str(scale)]
    for name, threshold in (("one", "0.5"), ("two", "0.25")):
        call = ["segment", str(images), "--output", str(tmp_path / name), "--quiet", "--no-explain"]
        main([*call, "--threshold", threshold, *more])
    main(["rethreshold", str(tmp_path / "one"), "--threshold", "0.25"])
    for file in FILES - {"metadata.json", "nuclei.geojson", "nuclei.csv"}:
        one, two = ((tmp_path / name / "a" / file).read_bytes() for name in ("one", "two"))
        assert one == two, file
    one, two = (pd.read_csv(tmp_path / name / "a" / "nuclei.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, rtol=1e-6)
    assert (tmp_path / "one" / "counts.csv").read_bytes() == (tmp_path / "two" / "counts.csv").read_bytes()
    # without the image: no intensities, and it is said
    (images / "a.png").unlink()
    main(["rethreshold", str(tmp_path / "one" / "a"), "--threshold", "0.6"])
    found = read_segmentation(tmp_path / "one" / "a")
    assert found.nuclei["intensity_mean-0"].isna().all() and found.metadata["threshold"] == 0.6
    assert any("not at hand" in warning for warning in found.metadata["warnings"])


def test_rethreshold_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rethreshold", str(tmp_path), "--threshold", "0.5"])
    assert ended.value.code == 1 and "no segmentation" in capsys.readouterr().err


def test_the_page_is_made_with_it(images: Path, loaded: Segmenter, tmp_path: Path) -> None:
    main(["segment", str(images / "a.png"), "--output", str(tmp_path / "out"), "--quiet"])
    page = (tmp_path / "out" / "a" / "explain.html").read_text()
    assert "<html" in page and "http://" not in page.replace("http://www.w3.org", "")

    main(["explain", str(tmp_path / "out")])
    assert "<html" in (tmp_path / "out" / "explain.html").read_text()


def test_warnings_and_the_embedded_model_are_told(
    images: Path, loaded: Segmenter, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main(["segment", str(images / "a.png"), "--output", str(tmp_path / "out"), "--quiet", "--no-explain"])
    told = capsys.readouterr().err
    warnings = json.loads((tmp_path / "out" / "a" / "metadata.json").read_text())["warnings"]
    assert warnings and all(f"a.png: {warning}" in told for warning in warnings)
    assert "Embedded model: " in told
