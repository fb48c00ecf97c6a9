"""Restoring: what is published stands in results/ again as if it had been made there, but for the weights."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import publish as publish_script
import restore as restore_script
from canonuclei.errors import InputError
from canonuclei.files import read_json, write_json
from canonuclei.locks import alone
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.rows import nuclei_table
from canonuclei.nuclei.tables import write_nuclei, write_shape
from canonuclei.settings import overlay, run_names
from canonuclei.tuning.trials import trial_run
from canonuclei.verification.restored import is_restored, restored_run
from verify_standins import OVERLAY, Finished, write

pytest_plugins = ("verify_standins",)
OURS, RIVAL = "ours-cnt_tiny_s0", "semantic_tiny_s0"
PREDICTIONS = {
    OURS: [f"{OURS}.{end}" for end in ("csv.gz", "whole.csv.gz", "shape.json", "grid32.rle.json.gz")],
    RIVAL: [f"{RIVAL}.{end}" for end in ("rle.json.gz", "whole.rle.json.gz")],
}
RUNS = [
    {"variant": "ours-cnt", "encoder": "tiny", "seeds": [0]},
    {"variant": "semantic", "encoder": "tiny", "seeds": [0]},
]


def restored(one: Finished, tuning: dict | None = None, **changed) -> list[str]:
    """Put back what is published; the runs that have no weights then."""
    config = overlay(one.config, {"tuning": tuning or {}, **changed})
    predictions = {run: PREDICTIONS.get(run, []) for run in run_names(config)}
    restore_script.main(one.published, one.results, config, predictions)
    return [run for run in predictions if is_restored(one.results / "runs" / run)]


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ("nuclei", "runs")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def lost(tmp_path: Path) -> tuple[Finished, dict[str, bytes], dict]:
    """Two runs, published; then all but the tiles is gone. With the files that there were, and the record."""
    one = Finished(tmp_path)
    one.finish(runs=RUNS)
    shape = ShapeMLP(noise=0.02)
    tiles = pd.DataFrame({"image_id": ["a", "b"], "tile_y": [0, 0], "tile_x": [0, 64]})
    lower = np.broadcast_to(np.array([[4.0, 0.0], [1.0, 5.0]], np.float32), (2, 3, 2, 2))
    # of each tile's three, two lie upon one another: a group
    t = np.array([[[0, 0], [0.1, 0], [2, 2]]] * 2, np.float32)
    p = np.array([[0.9, 0.7, 0.2]] * 2, np.float32)
    for end in ("csv.gz", "whole.csv.gz"):
        write_nuclei(one.results / "nuclei" / f"{OURS}.{end}", nuclei_table(tiles, lower, t, p, shape))
    write_shape(one.results / "nuclei" / f"{OURS}.shape.json", shape, {"threshold": 0.5})
    for run in (OURS, RIVAL):
        write(one.results / "runs" / run / "log.csv", "epoch,train_total\n1,0.5\n")
        for name in PREDICTIONS[run]:
            if "rle" in name:
                write(one.results / "nuclei" / name, f"masks of {name}")
    record = one.record()
    files = [one.results / "nuclei" / name for names in PREDICTIONS.values() for name in names]
    for run in (OURS, RIVAL):
        files += [one.results / "runs" / run / name for name in ("model.json", "log.csv")]
    record_file = one.results / "provenance.json"
    publish_script.main(files, record_file, one.published, one.config, {OURS: "x", RIVAL: "y"})
    before = files_below(one.results)
    for part in ("nuclei", "runs"):
        shutil.rmtree(one.results / part)
    return one, before, record


def test_everything_but_the_weights_is_back_byte_for_byte(lost):
    one, before, record = lost
    assert restored(one) == [OURS, RIVAL]
    after = files_below(one.results)
    records = {f"runs/{run}/restored.json" for run in (OURS, RIVAL)}
    assert set(after) - set(before) == records
    assert set(before) - set(after) == {f"runs/{run}/model.safetensors" for run in (OURS, RIVAL)}
    # measures too, which are not published
    assert {name: after[name] for name in set(after) - records} == {
        name: content for name, content in before.items() if not name.endswith(".safetensors")
    }
    assert "area" in pd.read_csv(one.results / "nuclei" / f"{OURS}.csv.gz")
    # and what made them is told as it was, the digests of the weights among it; and what code predicted it
    code = {"prediction_code": one.code()["prediction"]}
    assert one.record()["runs"] == {run: told | code for run, told in record["runs"].items()}


def test_what_was_trained_here_is_left_as_it_is(lost, capsys):
    one, _, _ = lost
    folder = one.results / "runs" / OURS
    write(folder / "model.safetensors", "newer weights")
    write(folder / "model.json", "newer")
    assert restored(one) == [RIVAL]
    assert (folder / "model.json").read_text() == "newer"
    assert not (folder / "restored.json").exists()
    assert not (one.results / "nuclei" / f"{OURS}.csv.gz").exists()
    assert f"{OURS}: was trained here and is left as it is" in capsys.readouterr().out


def test_a_run_that_is_not_published_is_told(lost, capsys):
    one, _, _ = lost
    (one.root / "mine.yaml").write_text(yaml.safe_dump(OVERLAY))  # a second seed of ours
    assert restored(one) == [OURS, RIVAL]
    assert "ours-cnt_tiny_s1: is not published; it is still to be trained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"training": {"max_lr": 0.033}}, r"training.max_lr was .*, is 0.033"),
        ({"prediction": {"threshold": 0.6}}, r"prediction.threshold was 0.5, is 0.6"),
        ({"variants": {"semantic": {"label": "U-Net"}}}, r"label was Semantic, is U-Net"),
    ],
)
def test_other_settings_are_refused_and_nothing_is_written(lost, changed: dict, told: str):
    one, _, _ = lost
    with pytest.raises(InputError, match=f"made by other settings: {told}"):
        restored(one, **changed)
    assert files_below(one.results) == {}


def test_settings_that_change_afterwards_are_found_when_what_made_the_results_is_told(lost):
    one, _, _ = lost
    restored(one)
    (one.root / "mine.yaml").write_text(
        yaml.safe_dump({**OVERLAY, "runs": RUNS, "prediction": {"merge_overlap": 0.7}})
    )
    with pytest.raises(InputError, match=r"is of other settings: prediction.merge_overlap was 0.5, is 0.7"):
        one.record()


def test_other_data_are_refused_but_labels_that_it_never_saw_may_differ(lost):
    one, _, _ = lost
    write(one.results / "tiles" / "train" / "instances.npy", "annotated anew")
    assert restored(one) == [OURS, RIVAL]
    write(one.results / "tiles" / "test" / "images.npy", "other images")
    with pytest.raises(
        InputError, match=r"other data than those at hand: not the same are tiles/test/images.npy"
    ):
        restored(one)


@pytest.mark.parametrize("name", [f"nuclei/{OURS}.whole.csv.gz", f"runs/{RIVAL}/log.csv"])
def test_a_published_file_that_is_missing_or_changed_is_named(lost, name: str):
    one, _, _ = lost
    file = one.published / name
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    with pytest.raises(InputError, match=rf"{name}: is not the file that was published"):
        restored(one)
    file.unlink()
    with pytest.raises(InputError, match=rf"{name}: is missing"):
        restored(one)
    file.write_bytes(content)
    assert restored(one) == [OURS, RIVAL]


def test_what_was_published_before_all_was_recorded_says_so(lost):
    one, _, _ = lost
    made = one.made()
    del made["tiles"]
    write_json(one.published / "made.json", made)
    with pytest.raises(InputError, match="published before this was recorded"):
        restored(one)


def test_a_run_that_is_being_trained_is_left_alone(lost, capsys):
    one, _, _ = lost
    write(one.results / "runs" / RIVAL / "checkpoint.safetensors", "hours of work")
    assert restored(one) == [OURS]
    assert f"{RIVAL}: is being trained here and is left as it is" in capsys.readouterr().out
    # one that has no checkpoint yet
    with alone(one.results / "runs" / OURS, "another"), pytest.raises(InputError, match="is at work"):
        restored(one)


def test_nothing_published_is_told(tmp_path: Path):
    one = Finished(tmp_path)
    one.finish(runs=RUNS)
    with pytest.raises(InputError, match="holds no published run"):
        restored(one)


def test_trials_come_back_where_the_same_would_be_tried_now(lost, capsys):
    one, _, _ = lost
    tuning = {"encoder": "tiny", "hold_out": {"large": ["360x360"]}}
    names = ("same", "other", "here", "new")
    tuning["trials"] = {name: {"why": f"why {name}", "alpha": 0.02} for name in names}
    config = overlay(one.config, {"tuning": tuning})
    folder, trials = one.published.with_name("mine-tuning") / "trials", one.results / "tuning" / "trials"
    for name in ("same", "other", "here"):
        told = {**trial_run(config, name), "groups": {"validation": {}, "large": {}}, "why": "an old reason"}
        write_json(folder / f"{name}.json", told)
    told["settings"]["training"]["epochs"] = 5
    write_json(folder / "other.json", told)
    write(trials / "here.json", "tried here")
    restored(one, tuning)
    assert {file.name for file in trials.iterdir()} == {"same.json", "here.json"}
    # what the table says of it is today's
    about = {"base": None, "why": "why same", "change": {"alpha": 0.02}}
    assert read_json(trials / "same.json") == read_json(folder / "same.json") | about
    assert (trials / "here.json").read_text() == "tried here"
    out = capsys.readouterr().out
    assert "1 trial: put back" in out
    assert "trial other: is published with other settings, and still to be tried: " in out
    assert "settings.training.epochs was 5, is 4" in out
    (trials / "same.json").unlink()
    restored(one, {**tuning, "hold_out": {"large": ["360x360"], "colour": ["tissue"]}})
    assert "held out was ['large'], is ['large', 'colour']" in capsys.readouterr().out
    assert not (trials / "same.json").exists()
    (folder / "new.json").write_text("{")
    with pytest.raises(InputError, match=r"new.json: is no trial"):
        restored(one, tuning)


def test_what_stands_in_place_of_weights_is_of_the_run_that_was_put_back_alone(lost):
    one, _, record = lost
    restored(one)
    folder = one.results / "runs" / OURS
    assert restored_run(folder)["made"].items() >= record["runs"][OURS].items()
    write(folder / "model.safetensors", "trained again")
    assert one.record()["runs"][OURS]["weights"] != record["runs"][OURS]["weights"]
    # then its weights are lost, and it is no longer the one that was put back
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.json", read_json(folder / "model.json") | {"seconds": 0.2})
    with pytest.raises(InputError, match=r"has neither model.safetensors nor what stands in its place"):
        one.record()


def test_published_again_it_still_tells_by_which_code_it_was_predicted(lost):
    one, _, record = lost
    made = one.made()
    made["code"]["prediction"] = "an older one"
    write_json(one.published / "made.json", made)
    restored(one)
    one.record()
    files = [one.results / "runs" / run / "model.json" for run in (OURS, RIVAL)]
    code = {run: record["runs"][run]["code"] for run in (OURS, RIVAL)}
    publish_script.main(files, one.results / "provenance.json", one.published, one.config, code)
    lines = [line for line in one.verify(tables=False) if line["part"] == "code of the prediction"]
    assert {line["run"]: line["status"] for line in lines} == {"": "same", OURS: "differs", RIVAL: "differs"}
