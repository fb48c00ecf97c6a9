"""How much doubt tells: shares as counted by hand, and the command on a run's validation tiles alone."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import check_doubt
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles
from canonuclei.errors import InputError
from canonuclei.segmentation.doubt import CHANGED, SHARED, UNSURE
from canonuclei.segmentation.doubt_rates import TRIED, beyond, rates, report, table
from canonuclei.segmentation.places import DEFAULT_MODEL
from test_unlike import discs


def nuclei() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "p": [0.99, 0.99, 0.6, 0.6, 0.7],
            "overlap": [0.0, 0.5, 0.6, 0.0, 0.0],
            "disagreement": [0.1, np.nan, 0.7, 0.1, 0.1],
            "matched": [True, True, False, False, True],
        }
    )


def test_rates_are_those_counted_by_hand() -> None:
    assert beyond(nuclei(), "p", 0.7).tolist() == [False, False, True, True, False]
    assert beyond(nuclei(), "overlap", 0.5).tolist() == [False, True, True, False, False]
    assert beyond(nuclei(), "disagreement", 0.5).tolist() == [False, False, True, False, False]
    found = rates(nuclei(), np.array([False, False, True, True, True]))
    assert found == {"doubtful": 3, "share": 0.6, "wrong": pytest.approx(2 / 3), "wrong_others": 0.0}
    assert np.isnan(rates(nuclei(), np.zeros(5, bool))["wrong"])


def test_the_table_has_the_thresholds_in_use_and_the_reasons_together() -> None:
    found = table(nuclei()).set_index(["signal", "threshold"])
    for signal, threshold in (("p", UNSURE), ("overlap", SHARED), ("disagreement", CHANGED)):
        assert threshold in TRIED[signal] and (signal, threshold) in found.index
    assert found.loc[("reasons", 1), "doubtful"] == 4 and found.loc[("reasons", 2), "doubtful"] == 1
    assert found.loc[("reasons, --doubt", 2), "wrong"] == 1
    assert report(nuclei()).startswith("5 nuclei, 40% match no true one at IoU 0.5\n")
    assert "nan" in report(nuclei().iloc[:0])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with the embedded model, and nothing but validation tiles beside."""
    folder = tmp_path / "results" / "some" / "runs" / "one"
    folder.mkdir(parents=True)
    for suffix in (".safetensors", ".json"):
        shutil.copy(DEFAULT_MODEL.with_suffix(suffix), folder / f"model{suffix}")
    rgb, labels = discs(18, side=128, step=32)
    image = AnnotatedImage("0", "stage1_train", rgb, labels)
    cut_tiles([image], folder.parents[1] / "tiles" / "val", size=128)
    return folder


def test_the_command_looks_at_validation_tiles(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["check_doubt.py", str(run), "--table", str(tmp_path / "nuclei.csv")])
    check_doubt.main()
    rows = pd.read_csv(tmp_path / "nuclei.csv")
    assert len(rows) > 3 and {"p", "overlap", "disagreement", "matched", "look"} <= set(rows)
    assert rows["disagreement"].between(0, 1).all()
    assert capsys.readouterr().out.startswith(f"{len(rows)} nuclei, ")
    # of another model there needs to be no run, only its place beside the tiles
    again = check_doubt.check(run.with_name("lost"), 0, DEFAULT_MODEL)
    assert again["disagreement"].to_numpy() == pytest.approx(rows["disagreement"].to_numpy())
    # without labels of single nuclei nobody can say what is wrong
    (run.parents[1] / "tiles" / "val" / "instances.npy").unlink()
    with pytest.raises(InputError, match="no instance labels"):
        check_doubt.check(run, 0)
