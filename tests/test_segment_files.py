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
from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.stored import read_segmentation
from segment_fixtures import HEIGHT, WIDTH, standin
from segment_standins import coordinates

pytest_plugins = ("segment_fixtures",)
FILES = {"labels.tif", "nuclei.csv", "nuclei.geojson", "overlay.png", "candidates.csv.gz", "metadata.json"}
FILES |= {"shape.json"}


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
