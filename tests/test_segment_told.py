"""What the user is told: on the terminal, in summary.csv and counts.csv, and that both say the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.summary import joined, read_summary, summary_of
from segment_fixtures import call, metadata_of, segment
from segment_standins import Places, coordinates, lattice, segmenter

pytest_plugins = ("segment_fixtures",)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """A model that finds no place much likelier than another, as at the start of training."""
    discs = lattice(200, 180)
    discs[:, 3] = np.linspace(0.08, 0.12, len(discs))
    made = segmenter(Places(discs))
    made.model = replace(made.model, described={**made.model.described, "steps": 20})
    monkeypatch.setattr(Segmenter, "load", classmethod(lambda cls, model=None, threads=None: made))
    return made


def test_a_model_that_has_hardly_learned_is_called_so(images, untrained, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert segment(images, out) == 0
    told = capsys.readouterr()
    assert "highest p(z) in the image is 0.12, the threshold 0.5" in told.err
    assert "(trained for 20 steps) has hardly learned yet" in told.err and "--diameter" not in told.err
    assert "0 nuclei in 2 images" in told.out
    for name in ("summary.csv", "counts.csv"):
        rows = pd.read_csv(out / name)
        assert rows["count"].tolist() == [0, 0]
        assert rows["warnings"].str.contains("no nucleus was found", regex=False).all()
    # the advice holds: below the highest p(z) there are some, and then nothing more is said of it
    assert call("rethreshold", out, "--threshold", 0.1) == 0
    for name in ("summary.csv", "counts.csv"):
        rows = pd.read_csv(out / name, keep_default_na=False)
        assert (rows["count"] > 0).all() and not rows["warnings"].str.contains("no nucleus").any()


def test_a_threshold_that_leaves_nothing_is_told_without_the_image_too(
    images, loaded, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    assert segment(images / "a.png", out) == 0
    (images / "a.png").unlink()
    assert call("rethreshold", out, "--threshold", 0.9995) == 0
    told = capsys.readouterr().err
    assert "no nucleus was found: the highest p(z) in the image is 0.99" in told and "not at hand" in told
    assert call("rethreshold", out, "--threshold", 0.5) == 0
    assert not any("no nucleus" in warning for warning in metadata_of(out / "a")["warnings"])


def test_rethreshold_tells_counts_and_that_it_replaces(images, loaded, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert segment(images, out) == 0
    before = pd.read_csv(out / "counts.csv")["count"].sum()
    capsys.readouterr()
    assert call("rethreshold", out, "--threshold", 0.9) == 0
    after = pd.read_csv(out / "counts.csv")["count"].sum()
    assert 0 < after < before
    told = capsys.readouterr().out
    assert told.startswith(f"{after} nuclei in 2 images at the threshold 0.9, {before} before: ")
    assert "replaced" in told


def test_a_diameter_that_shrinks_the_image_below_a_tile_is_warned_of(
    images, loaded, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    assert segment(images / "a.png", out, "--diameter", 200) == 0
    told = capsys.readouterr().err
    assert "14 x 16 px, less than one of its tiles (128 px)" in told and "200 px wide" in told
    assert "less than one of its tiles" in pd.read_csv(out / "summary.csv")["warnings"][0]
    # it stays said at other thresholds
    assert call("rethreshold", out, "--threshold", 0.3) == 0
    assert "less than one of its tiles" in pd.read_csv(out / "counts.csv")["warnings"][0]


def test_warnings_of_tables_are_those_of_the_metadata(images, loaded, tmp_path) -> None:
    channels = np.moveaxis(coordinates(200, 180)[..., :2], -1, 0)
    tifffile.imwrite(images / "b.tif", channels, metadata={"axes": "CYX"}, photometric="minisblack")
    (images / "d.png").write_bytes(b"")
    out = tmp_path / "out"
    assert segment(images, out, "--channel", 1) == 1
    summary, counts = (
        pd.read_csv(out / name, keep_default_na=False) for name in ("summary.csv", "counts.csv")
    )
    for name, rows in (("summary.csv", summary), ("counts.csv", counts)):
        for _, row in rows.iterrows():
            if row.get("status", "done") == "done":
                warnings = metadata_of(out / row["image"])["warnings"]
                assert warnings and row["warnings"] == joined(warnings), name
    failed = summary[summary["status"] == "failed"]
    assert failed["image"].tolist() == ["d"] and (failed["warnings"] == "").all()


def test_joined_warnings_can_be_parted_and_are_one_line() -> None:
    warnings = ['little contrast; use "another"\nchannel', "a, b\t", ""]
    assert joined(warnings) == 'little contrast, use "another" channel; a, b; '
    assert joined([]) == ""


def test_summaries_of_before_the_column_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("image,file,status,count,error\na,a.png,done,3,\n")
    rows = read_summary([tmp_path / "old.csv"])
    assert rows["warnings"].tolist() == [""]
    row = {"image": "a", "file": "a.png", "status": "done", "count": 3, "error": ""}
    pd.testing.assert_frame_equal(rows, summary_of([row]), check_dtype=False)
