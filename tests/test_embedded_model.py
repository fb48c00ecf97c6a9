"""The embedded model loads, is what it says, and the command that makes it tells all that a user needs."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from canonuclei.embedding import describe, embed, length_label, read_run
from canonuclei.errors import InputError
from canonuclei.models.registry import build_model
from canonuclei.training.records import load_weights, save_weights

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
DEFAULT = REPOSITORY / "workflow" / "scripts" / "canonuclei" / "models" / "default.safetensors"


def test_the_embedded_weights_are_those_that_its_description_names():
    described = json.loads(DEFAULT.with_suffix(".json").read_text())
    assert DEFAULT.stat().st_size == described["weights"]["bytes"] <= 20e6
    assert hashlib.sha256(DEFAULT.read_bytes()).hexdigest() == described["weights"]["sha256"]
    assert described["supervision"] in ("masks", "masks+counts")
    assert described["training_data"]["diameter_median"] > 0
    card = DEFAULT.with_suffix(".md").read_text()
    for said in (described["label"].capitalize(), "## Data", "## Measured", "## Limits", "CC0", "Apache-2.0"):
        assert said in card, said


def test_the_embedded_model_loads_without_any_hub(monkeypatch: pytest.MonkeyPatch):
    def no_network(*_: object) -> None:
        raise AssertionError("the network is asked for")

    monkeypatch.setattr("socket.socket.connect", no_network)
    described = json.loads(DEFAULT.with_suffix(".json").read_text())
    model = build_model(described["model"], described["encoder"], described["settings"], None).eval()
    load_weights(DEFAULT, model)
    size = described["settings"]["tile_size"]
    instances = model.predict(torch.zeros(1, 3, size, size))
    network = described["settings"]["network"]
    number = (size // network.get("stride", 16)) ** 2 * network["instances_per_cell"]
    assert instances.lower.shape == (1, number, 2, 2)
    assert torch.isfinite(instances.t).all()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run of the tiny encoder, from before its settings had all of today's keys."""
    folder = tmp_path / "results" / "mine" / "runs" / "ours_tiny_s3"
    folder.mkdir(parents=True)
    settings = {name: dict(CONFIG[name]) for name in ("input", "encoder", "network", "loss", "training")}
    settings |= {"alpha": 0.0, "encoder": {"weights": "none"}}
    save_weights(folder / "model.safetensors", build_model("canonical", "tiny", settings, None))
    del settings["network"]["heads"], settings["network"]["feature_scale"], settings["input"]["polarity"]
    told = {
        "run": "ours_tiny_s3",
        "variant": "ours",
        "label": "Ours",
        "model": "canonical",
        "encoder": "tiny",
    }
    told |= {"seed": 3, "supervision": "masks", "parameters": 467000, "training_tiles": 64, "steps": 40}
    told |= {"versions": {"torch": "2.14.1"}, "settings": settings}
    (folder / "model.json").write_text(json.dumps(told))
    return folder


def test_a_run_becomes_a_model_with_its_own_numbers_in_the_card(run: Path, tmp_path: Path):
    row = {"supervision": "masks", "iou": 0.5, "dice": 0.6, "f1_50": 0.4321, "f1_mean_9": 0.3}
    rows = [
        {"approach": "Ours+P", "encoder": "tiny", "grid": 128, "seed": 3, **row},
        {"approach": "Ours+P", "encoder": "tiny", "grid": 128, "seed": 4, **row, "f1_50": 0.9999},
        {"approach": "Otsu+WS", "encoder": None, "grid": None, "seed": None, **row, "f1_50": 0.8888},
    ]
    pd.DataFrame(rows).to_csv(run.parents[1] / "table1.csv", index=False)
    whole = [rows[0] | {"tp": 1200, "fp": 50, "fn": 300}, rows[0] | {"approach": "Ours", "tp": 9, "fp": 9}]
    pd.DataFrame(whole).to_csv(run.parents[1] / "table1_whole.csv", index=False)
    looks = [
        rows[0] | {"look": look, "tp": 3, "fp": 9, "fn": fn} for look, fn in (("tissue", 1), ("dark", 3))
    ]
    pd.DataFrame(looks).to_csv(run.parents[1] / "table1_by_look.csv", index=False)
    described = embed(read_run(run), CONFIG, tmp_path / "default", commit="abc1234")
    written = json.loads((tmp_path / "default.json").read_text())
    assert written == described
    assert written["settings"]["network"]["heads"] == "parallel"
    assert "network.heads" in written["settings_completed"]
    assert written["revision"] == "abc1234"
    full = 50 * (64 // CONFIG["training"]["batch_size"])
    assert written["label"] == length_label(40, full) != length_label(full, full)
    # fewer tiles than a batch are a batch of their own
    few = json.loads((run / "model.json").read_text()) | {"training_tiles": 3}
    assert describe(replace(read_run(run), described=few), CONFIG)["steps_of_paper"] == 50
    # a key whose default was another in the run's time, when there was no key
    assert written["settings"]["input"]["polarity"] == "as_is"
    assert written["settings"]["network"]["feature_scale"] is None
    before, after = load_file(run / "model.safetensors"), load_file(tmp_path / "default.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    card = (tmp_path / "default.md").read_text()
    assert "43.2" in card and "100.0" not in card and "88.9" not in card
    assert "it predicts 1,250 nuclei, where there are 1,500, and finds 1,200 of these" in card
    assert "it finds, after +P (IoU of ½ and more): tissue 75%, dark 50%." in card
    assert "terms of their own" in card and "CC0" not in card
    assert "not known: unlike images cannot be warned of" in card


def test_what_cannot_be_embedded_is_said(run: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"model\.safetensors: missing"):
        read_run(tmp_path)
    told = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**told, "model": "maskrcnn", "supervision": "instances"}))
    with pytest.raises(InputError, match="weakly supervised"):
        read_run(run)
    (run / "model.json").write_text(json.dumps({**told, "encoder": "resnet50"}))
    with pytest.raises(InputError, match="another network"):
        embed(read_run(run), CONFIG, tmp_path / "default")
    assert not list(tmp_path.glob("default*"))
