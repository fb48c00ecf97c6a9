"""Trials: what each trains and on which images, and the table that they end in."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

import trial as trial_script
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles
from canonuclei.errors import InputError
from canonuclei.files import read_json
from canonuclei.settings import overlay
from canonuclei.training.batches import Batches
from canonuclei.training.loop import Interrupted, Trainer
from canonuclei.tuning.groups import groups_of
from canonuclei.tuning.table import tuning_markdown, tuning_table
from canonuclei.tuning.trials import change_of, trial_chain, trial_run

TRIALS = {
    "start": {"why": "where it began"},
    "wider": {"base": "start", "why": "a guess", "network": {"head_std": 0.03}},
    "other": {"base": "wider", "why": "the paper's", "backbone": "resnet50"},
    "more": {"base": "wider", "why": "another", "network": {"initial_radius": 6.0}, "alpha": 0.1, "seed": 3},
}
HOLD_OUT = {"colour": ["tissue", "brightfield"], "large": ["160x192"]}


@pytest.fixture
def config(repository) -> dict:
    base = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    tuning = {"encoder": "tiny", "epochs": 1, "tiles_per_epoch": 8, "hold_out": HOLD_OUT, "trials": TRIALS}
    training = {"batch_size": 4, "compile": False, "precision": "fp32"}
    return overlay(base, {"tuning": tuning, "encoder": {"weights": "none"}, "training": training})


def picture(name: str, shape: tuple[int, int], bright: bool = False) -> AnnotatedImage:
    """Squares on an even ground; bright and coloured where it is to look like tissue."""
    labels = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate((y, x) for y in range(10, 120, 40) for x in range(10, 120, 40)):
        labels[y : y + 14, x : x + 14] = number + 1
    rgb = np.full((*shape, 3), (225, 190, 225) if bright else 15, np.uint8)
    rgb[labels > 0] = (90, 40, 140) if bright else 190
    return AnnotatedImage(name, "stage1_train", rgb, labels)


@pytest.fixture
def tiles(tmp_path):
    train = [picture("a", (128, 128)), picture("b", (128, 128)), picture("c", (160, 192))]
    train += [picture("d", (128, 128), bright=True)]
    cut_tiles(train, tmp_path / "train", size=128, percentiles=(1.0, 99.8))
    val = [picture("e", (128, 128)), picture("f", (128, 128), bright=True)]
    cut_tiles(val, tmp_path / "val", size=128, percentiles=(1.0, 99.8))
    return tmp_path


def test_a_trial_has_the_changes_of_all_that_it_stands_on(config):
    run = trial_run(config, "more")
    assert run["settings"]["network"]["head_std"] == 0.03
    assert run["settings"]["network"]["initial_radius"] == 6.0
    assert run["settings"]["alpha"] == 0.1 and run["seed"] == 3
    assert run["settings"]["training"]["tiles_per_epoch"] == 8
    assert trial_run(config, "start")["settings"]["alpha"] == 0.01
    assert (run["encoder"], trial_run(config, "other")["encoder"]) == ("tiny", "resnet50")
    assert change_of(TRIALS["other"]) == {"backbone": "resnet50"}
    assert change_of(TRIALS["more"]) == {"seed": 3, "alpha": 0.1, "network.initial_radius": 6.0}


def test_a_trial_may_start_from_other_weights(config):
    """By encoder or for all, as the section has them; batch norm keeps only statistics that there are."""
    given = {"imagenet": "frozen", "none": "train"}
    for told in ("imagenet", {"resnet50": "imagenet"}, "none", {"resnet50": "none"}):
        for before in ("imagenet", "none"):
            trials = {"one": {"why": "x", "backbone": "resnet50", "encoder": {"weights": told}}}
            whole = overlay(config, {"encoder": {"weights": before, "batch_norm": "frozen"}})
            whole["tuning"] = {**whole["tuning"], "trials": trials}
            encoder = trial_run(whole, "one")["settings"]["encoder"]
            weights = told if isinstance(told, str) else told["resnet50"]
            assert (encoder["weights"], encoder["batch_norm"]) == (weights, given[weights])


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ({"a": {"base": "b", "why": "x"}}, "no trial 'b'"),
        ({"a": {"base": "b", "why": "x"}, "b": {"base": "a", "why": "x"}}, "stands on this one"),
    ],
)
def test_a_trial_must_stand_on_another(trials, message):
    with pytest.raises(InputError, match=message):
        trial_chain(trials, "a")


def test_groups_are_told_by_look_and_size():
    table = pd.DataFrame(
        {
            "look": ["fluorescence", "tissue", "fluorescence", "tissue"],
            "image_height": [256, 256, 160, 160],
            "image_width": [256, 320, 192, 192],
        }
    )
    assert list(groups_of(table, HOLD_OUT)) == ["", "colour", "large", "colour"]


def test_batches_of_some_images_hold_only_their_tiles(tiles, config):
    settings = trial_run(config, "start")["settings"]
    every = Batches(tiles / "train", settings, False, True)
    some = Batches(tiles / "train", settings, False, True, images=["c"])
    own = np.flatnonzero(every.tiles.table["image_id"] == "c")
    assert len(some) == len(own) > 1
    whole = [every._raw(own[[i]]) for i in range(len(own))]
    for i, expected in enumerate(whole):
        found = some._raw(np.array([i]))
        assert all((found[key] == expected[key]).all() for key in expected)
    with pytest.raises(InputError, match="no tile of the images"):
        Batches(tiles / "train", settings, False, True, images=["nowhere"])


@pytest.mark.parametrize("variant", ["ours-cnt", "semantic"])
def test_a_trial_trains_on_the_rest_and_is_scored_on_the_groups(tiles, config, tmp_path, variant):
    run = trial_run(overlay(config, {"tuning": {"variant": variant}}), "start")
    about = {"base": None, "why": TRIALS["start"]["why"], "change": {}}
    output = tmp_path / "start.json"
    trial_script.main("start", run, about, HOLD_OUT, tiles, None, 5, output, 1, "code")
    found = read_json(output)
    assert found["training_images"] == 2
    assert list(found["groups"]) == ["validation", "colour", "large"]
    assert [group["images"] for group in found["groups"].values()] == [1, 1, 1]
    assert 0 <= found["groups"]["validation"]["iou"] <= 1
    assert not list(tmp_path.glob("*checkpoint*"))
    assert (found["hold_out"], found["distance"]) == (HOLD_OUT, 5)
    table = tuning_table([found])
    assert list(table["group"]) == ["validation", "colour", "large"]
    assert json.loads(table["change"][0]) == {}
    page = tuning_markdown(table, config["tuning"])
    assert "where it began" in page and "| start |" in page
    # one that stands on it, which makes the column of bases one of texts and a gap
    both = tuning_table([found, found | {"trial": "wider", "base": "start", "why": "a guess"}])
    page = tuning_markdown(both, config["tuning"])
    assert "| start | – |" in page and "| wider | start |" in page


def test_a_trial_goes_on_only_on_what_it_began_with(tiles, config, tmp_path, monkeypatch, capsys):
    """Weights that have seen an image are none that was held out; nor are those of other code or masks."""
    run = trial_run(overlay(config, {"tuning": {"epochs": 2}}), "start")
    output, about = tmp_path / "start.json", {"base": None, "why": "x", "change": {}}
    begun = Trainer._epoch

    def stopped(self, number):
        begun(self, number)
        self.stop_asked = True

    def goes_on(hold_out, code) -> bool:
        """Stopped after its first epoch, then begun as told."""
        monkeypatch.setattr(Trainer, "_epoch", stopped)
        with pytest.raises(Interrupted):
            trial_script.main("start", run, about, {}, tiles, None, 5, output, 1, "code")
        monkeypatch.setattr(Trainer, "_epoch", begun)
        capsys.readouterr()
        trial_script.main("start", run, about, hold_out, tiles, None, 5, output, 1, code)
        return "goes on after step" in capsys.readouterr().out

    assert goes_on({}, "code")
    assert not goes_on({}, "newer code")
    assert not goes_on({"colour": ["tissue"]}, "code")
