"""Results at another threshold: without the image, stopped, damaged, from within their folder."""

from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

import canonuclei.segmentation.outputs as outputs
from canonuclei.cli import main
from canonuclei.segmentation.segmenter import Segmenter
from segment_fixtures import HEIGHT, WIDTH, call, content, metadata_of, segment, standin
from segment_standins import coordinates

pytest_plugins = ("segment_fixtures",)


def test_rethreshold_without_the_image_or_with_another(images, loaded, tmp_path, monkeypatch, capsys) -> None:
    out = tmp_path / "out"
    monkeypatch.chdir(images)
    assert segment("a.png", out) == 0
    capsys.readouterr()  # what segmenting says
    monkeypatch.chdir(tmp_path)
    assert call("rethreshold", out, "--threshold", 0.4) == 0
    assert pd.read_csv(out / "a" / "nuclei.csv")["intensity_mean-0"].notna().all()
    assert capsys.readouterr().err == ""
    # as large, and another
    Image.fromarray(255 - coordinates(HEIGHT, WIDTH)).save(images / "a.png")
    assert call("rethreshold", out, "--threshold", 0.4) == 0
    assert "not the one that was segmented" in capsys.readouterr().err
    assert pd.read_csv(out / "a" / "nuclei.csv")["intensity_mean-0"].isna().all()
    assert not (out / "a" / "overlay.png").exists()
    assert call("explain", out) == 0 and "drawn on black" in (out / "explain.html").read_text()
    (images / "a.png").unlink()
    assert call("rethreshold", out / "a", "--threshold", 0.5) == 0
    assert "no longer where it was" in capsys.readouterr().err


def test_rethreshold_that_is_stopped_loses_nothing(images, loaded, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out"
    assert segment(images, out) == 0
    before = content(out / "a")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs, "write_geojson", stop)
    with pytest.raises(KeyboardInterrupt):
        main(["rethreshold", str(out), "--threshold", "0.3"])
    assert content(out / "a") == before

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "write_geojson", full)
    assert call("rethreshold", out, "--threshold", 0.3) == 1
    assert content(out / "a") == before


def test_rethreshold_of_damaged_results(images, loaded, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert segment(images, out) == 0
    # neither is needed
    (out / "a" / "labels.tif").unlink()
    (out / "a" / "nuclei.csv").write_text('"')
    assert call("rethreshold", out, "--threshold", 0.4) == 0
    (out / "a" / "candidates.csv.gz").write_bytes(b"nothing")
    assert call("rethreshold", out, "--threshold", 0.25) == 1
    told = capsys.readouterr().err
    assert "candidates.csv.gz" in told and "1 of 2 images failed" in told and "Traceback" not in told
    counts = pd.read_csv(out / "counts.csv").set_index("image")
    assert counts["threshold"].to_dict() == {"a": 0.4, "c": 0.25}
    summary = pd.read_csv(out / "summary.csv").set_index("image")
    assert summary["count"].to_dict() == counts["count"].to_dict()
    (out / "a" / "metadata.json").write_text("{")
    assert call("rethreshold", out, "--threshold", 0.5) == 1
    assert pd.read_csv(out / "counts.csv")["image"].tolist() == ["c"]
    assert call("explain", out) == 1 and "Traceback" not in capsys.readouterr().err


def test_disagreement_and_warnings_outlast_a_high_threshold(images, tmp_path, monkeypatch) -> None:
    made = standin()
    grey = {key: {"0": 0.0, "1": 0.0, "100": 255.0} for key in ("contrast", "mean", "std")}
    sizes = {"diameter": {"5": 0.1, "50": 8.0, "95": 999.0}}
    looks = dict.fromkeys(("fluorescence", "tissue", "brightfield"), 0.3)
    training = {"looks": looks, "quantiles": grey | sizes}
    made.model = replace(made.model, described={**made.model.described, "training_data": training})
    monkeypatch.setattr(Segmenter, "load", classmethod(lambda *_: made))
    monkeypatch.setattr(
        Segmenter, "_disagreement", lambda self, found, *_: found.nuclei["id"].to_numpy() / 1000
    )
    monkeypatch.setattr("canonuclei.segmentation.unlike.object_diameter", lambda _: 17.0)
    out = tmp_path / "out"
    assert segment(images / "a.png", out, "--doubt") == 0
    before = pd.read_csv(out / "a" / "nuclei.csv")
    assert call("rethreshold", out, "--threshold", 0.9995) == 0
    assert len(pd.read_csv(out / "a" / "nuclei.csv")) == 0
    assert "no nucleus was found" in " ".join(metadata_of(out / "a")["warnings"])
    assert call("rethreshold", out, "--threshold", 0.5) == 0
    pd.testing.assert_frame_equal(pd.read_csv(out / "a" / "nuclei.csv"), before, rtol=1e-6)
    assert "no nucleus was found" not in " ".join(metadata_of(out / "a")["warnings"])


def test_within_the_folder_itself(images, loaded, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out"
    assert segment(images, out) == 0
    monkeypatch.chdir(out / "a")
    assert call("rethreshold", ".", "--threshold", 0.3) == 0 and call("explain", ".") == 0
    assert pd.read_csv(out / "counts.csv")["threshold"].tolist() == [0.3, 0.5]
    assert not (out / "a" / "counts.csv").exists()
