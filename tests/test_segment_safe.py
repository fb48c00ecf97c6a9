"""What earlier calls, bad images, bad arguments and hostile names may not do to results."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import canonuclei.segmentation.segmenter as segmenting
from canonuclei.data.reader import Picture, to_rgb8
from canonuclei.errors import InputError
from canonuclei.segmentation.batch import segment_images
from canonuclei.segmentation.places import images_of, make_output, output_of
from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.stored import read_segmentation
from canonuclei.segmentation.summary import read_summary, undone, write_table
from segment_fixtures import HEIGHT, WIDTH, call, content, metadata_of, segment, standin
from segment_standins import Places, coordinates, segmenter

pytest_plugins = ("segment_fixtures",)


def test_results_of_two_models_in_one_folder(images, loaded, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert segment(images / "a.png", out) == 0
    first = read_segmentation(out / "a").shape.state_dict()
    loaded.model = replace(loaded.model, digest="1" * 64)
    for value in loaded.model.network.shape.parameters():
        value.data.mul_(1.01)
    assert segment(images / "c.png", out) == 0
    for name, value in read_segmentation(out / "a").shape.state_dict().items():
        assert (value - first[name]).abs().max() < 1e-6, name
    assert call("rethreshold", out, "--threshold", 0.4) == 0
    capsys.readouterr()
    assert call("explain", out) == 1 and "another model" in capsys.readouterr().err
    assert call("explain", out / "a") == 0


def test_a_page_has_one_threshold(images, loaded, tmp_path, capsys) -> None:
    """One slider for all: nuclei of another threshold would be drawn and told at the wrong one."""
    out = tmp_path / "out"
    assert segment(images / "a.png", out) == segment(images / "c.png", out) == 0
    assert call("rethreshold", out / "c", "--threshold", 0.3) == 0
    capsys.readouterr()
    assert call("explain", out) == 1
    assert "c: has threshold 0.3, a 0.5, and one page has one slider" in capsys.readouterr().err
    assert call("explain", out / "c") == 0
    assert call("rethreshold", out, "--threshold", 0.3) == call("explain", out) == 0


def test_a_failing_image_loses_nothing_and_passes_for_nothing(images, loaded, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert call("segment", images, "--output", out, "--quiet") == 0
    before, whole = content(out / "c"), (images / "c.png").read_bytes()
    assert len(before) > 5
    (images / "c.png").write_bytes(b"")
    for _ in range(2):  # failing again changes nothing
        assert segment(images, out) == 1
        kept = {
            str(out / "c" / Path(path).name): data for path, data in content(out / "c" / "earlier").items()
        }
        assert kept == before and [path.name for path in (out / "c").iterdir()] == ["earlier"]
        assert str(out / "c" / "earlier") in capsys.readouterr().err
    assert pd.read_csv(out / "counts.csv")["image"].tolist() == ["a"]
    summary = pd.read_csv(out / "summary.csv").set_index("image")
    assert summary.loc["c", "status"] == "failed" and "earlier" in summary.loc["c", "error"]
    assert call("rethreshold", out, "--threshold", 0.4) == 0
    assert content(out / "c" / "earlier") and call("explain", out) == 0
    assert '"name":"c' not in (out / "explain.html").read_text()
    # done again: the new results are in their place, and the old ones are gone as ever
    (images / "c.png").write_bytes(whole)
    assert segment(images, out) == 0
    assert not (out / "c" / "earlier").exists() and (out / "c" / "metadata.json").is_file()


def test_an_image_that_never_was_done_leaves_no_folder(images, loaded, tmp_path) -> None:
    (images / "c.png").write_bytes(b"")
    assert segment(images, tmp_path / "out") == 1
    assert not (tmp_path / "out" / "c").exists()


@pytest.mark.parametrize(
    "bad",
    [
        *(["--threshold", "1.5"], ["--threshold", "0.01"], ["--scale", "99"], ["--diameter", "-1"]),
        *(["--pixel-size", "0"], ["--scale", "1", "--diameter", "9"]),
    ],
)
def test_bad_arguments_leave_results_alone(bad, images, loaded, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert segment(images, out) == 0
    before = content(out)
    capsys.readouterr()
    assert segment(images, out, *bad) == 1
    assert content(out) == before
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_output_that_cannot_be(images, tmp_path, monkeypatch, capsys) -> None:
    def load(*_: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(Segmenter, "load", classmethod(load))
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        assert segment(images, output) == 1
        assert "cannot be a folder of results" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_name_that_is_no_utf8(images, loaded, tmp_path) -> None:
    os.rename(images / "c.png", os.fsencode(images) + b"/Pr\xe4p.png")
    out = tmp_path / "out"
    assert call("segment", images, "--output", out, "--quiet") == 0
    assert read_summary([out / "summary.csv"])["image"].tolist() == ["Pr\\udce4p", "a"]
    assert len(pd.read_csv(out / "counts.csv")) == 2
    assert call("rethreshold", out, "--threshold", 0.4) == 0
    assert call("explain", out) == 0


@pytest.mark.parametrize("name", ["...tif", "..tif", "counts.csv.tif", "Summary.csv.png", ".jobs.png"])
def test_names_that_no_folder_of_results_can_have(name, images, loaded, tmp_path, capsys) -> None:
    path = tmp_path / name
    path.write_bytes((images / "a.png").read_bytes())
    with pytest.raises(InputError, match="rename the file"):
        images_of([path])
    assert segment(path, tmp_path / "deep" / "out") == 1
    assert "Traceback" not in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} <= {"images", "deep", name}
    assert {one.name for one in (tmp_path / "deep").glob("*")} <= {"out"}


def test_scaling_beyond_memory_is_refused(loaded, monkeypatch) -> None:
    monkeypatch.setattr(segmenting, "MAX_PIXELS", 300 * 300)
    image = coordinates(HEIGHT, WIDTH)
    assert len(standin().segment(image, scale=1.5).labels)
    with pytest.raises(InputError, match="smaller scale"):
        standin().segment(image, scale=2)


def test_channels_called_by_numbers() -> None:
    pixels = np.arange(3 * 400, dtype=np.uint8).reshape(20, 20, 3)
    picture = Picture(pixels, ("405", "488", "1"), None, Path("x"))
    for channel, place in ((405, 0), ("488", 1), (1, 1), ("1", 2), (2, 2)):
        np.testing.assert_array_equal(to_rgb8(picture, channel)[..., 0], pixels[..., place])
    with pytest.raises(InputError, match="no channel 640"):
        to_rgb8(picture, 640)


def test_folders_of_one_name_have_results_of_their_own(tmp_path) -> None:
    first, second = (output_of(tmp_path / plate / "images", None) for plate in ("plate1", "plate2"))
    assert first != second and Path(first).parent == Path("results/segment")
    assert first == output_of(tmp_path / "plate1" / ".." / "plate1" / "images", None)
    assert output_of(tmp_path, "mine") == "mine"


def test_what_may_go_right_another_time_is_done_again(images, tmp_path, monkeypatch) -> None:
    made, out, table = standin(), tmp_path / "out", tmp_path / "0.csv"
    (images / "b.png").write_bytes(b"")
    paths = [images / f"{name}.png" for name in "abc"]
    whole = type(made).segment

    def short(self: Segmenter, path: Path, **options: object) -> object:
        if path.stem == "c":
            raise MemoryError
        return whole(self, path, **options)

    monkeypatch.setattr(Segmenter, "segment", short)
    rows = segment_images(made, paths, out, progress=False, explain=False)
    assert rows["status"].tolist() == ["done", "failed", "crashed"]
    write_table(rows, table)
    assert undone([table], out) == [table]
    monkeypatch.setattr(Segmenter, "segment", whole)
    write_table(segment_images(made, paths, out, progress=False, explain=False), table)
    assert undone([table], out) == []
    (out / "a" / "metadata.json").unlink()
    assert undone([table], out) == [table]


def test_arrays_have_objects_of_their_own(tmp_path) -> None:
    numbers = []
    for k, image in enumerate((coordinates(HEIGHT, WIDTH), coordinates(HEIGHT, WIDTH))):
        image[0, 0, 2] += k * 16
        segmenter(Places(standin().model.network.discs)).segment(image).write(tmp_path / str(k))
        features = json.loads((tmp_path / str(k) / "nuclei.geojson").read_text())["features"]
        numbers.append({feature["id"] for feature in features})
    assert all(numbers) and not numbers[0] & numbers[1]
    assert metadata_of(tmp_path / "0")["image"] is None


def test_results_do_not_go_among_the_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the folder of the images"):
        make_output(tmp_path, [tmp_path / "a.png"])
    make_output(tmp_path / "nuclei", [tmp_path / "a.png"])


def test_a_mistyped_path_leaves_no_folder_of_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        images_of([tmp_path / "nosuch"])
    (tmp_path / "a.png").write_bytes(b"")
    assert len(images_of([tmp_path / "nosuch", tmp_path / "a.png"])) == 2
