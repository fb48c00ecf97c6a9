"""Training: the same weights after an interruption, without instance labels, and from one seed."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import train
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles
from canonuclei.errors import InputError
from canonuclei.models.registry import build_model
from canonuclei.settings import overlay, run_settings
from canonuclei.training import device
from canonuclei.training.batches import Batches
from canonuclei.training.checkpoint import State, load_checkpoint, save_checkpoint
from canonuclei.training.loop import Interrupted, Trainer

SMALL = {"training": {"epochs": 2, "batch_size": 4, "compile": False, "precision": "fp32", "max_lr": 0.02}}


def discs(seed: int, count: int = 3) -> list[AnnotatedImage]:
    """Images of white discs on black."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:256, :256]
    images = []
    for number in range(count):
        labels = np.zeros((256, 256), np.int32)
        for label in range(1, 12):
            y, x, r = rng.uniform(10, 246), rng.uniform(10, 246), rng.uniform(6, 14)
            labels[(rows - y) ** 2 + (columns - x) ** 2 < r * r] = label
        grey = np.where(labels > 0, 180, 20) + rng.normal(0, 8, labels.shape)
        rgb = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        images.append(AnnotatedImage(f"disc-{seed}-{number}", "stage1_train", rgb, labels))
    return images


@pytest.fixture(scope="module")
def tiles(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    cut_tiles(discs(1), folder / "train", size=128, percentiles=(1.0, 99.8))
    cut_tiles(discs(2, 1), folder / "val", size=128, percentiles=(1.0, 99.8))
    return folder


@pytest.fixture(scope="module")
def config(repository) -> dict:
    return yaml.safe_load((repository / "config" / "config.yaml").read_text())


def settings_of(config, variant="ours-cnt", **more) -> dict:
    settings = run_settings(config, variant, "tiny")
    settings["encoder"]["weights"] = "none"
    return overlay(overlay(settings, SMALL), more)


def trainer_of(config, tiles, checkpoint, variant="ours-cnt", model="canonical", seed=0, **more):
    settings = settings_of(config, variant, **more)
    torch.manual_seed(seed)
    network = build_model(model, "tiny", settings, None)
    train = Batches(tiles / "train", settings, instances=network.needs_instances, counts=True)
    val = Batches(tiles / "val", settings, instances=False, counts=True)
    return Trainer(network, train, val, settings, "run", seed, checkpoint)


def weights_of(trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_lowers_the_loss_and_logs_every_epoch(config, tiles, tmp_path):
    trainer = trainer_of(config, tiles, tmp_path / "c.safetensors", training={"epochs": 6})
    log = pd.DataFrame(trainer.fit())
    assert log["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert log["train_total"].iloc[-1] < log["train_total"].iloc[0]
    assert {"lr", "train_bce", "train_dice", "train_count", "val_iou", "val_dice", "val_count_mae"} <= {*log}
    assert log["val_iou"].between(0, 1).all()


@pytest.mark.parametrize(
    ("variant", "model", "cycle"),
    [("ours-cnt", "canonical", False), ("ours-cnt", "canonical", True), ("mask-rcnn", "maskrcnn", False)],
)
def test_an_interrupted_run_ends_with_the_same_weights(config, tiles, tmp_path, variant, model, cycle):
    training = {"tiles_per_epoch": 8, "cycle_momentum": cycle}
    more = {"training": training, "network": {"input_size": 128}}
    straight = trainer_of(config, tiles, tmp_path / "a.safetensors", variant, model, **more)
    log = straight.fit()
    for stop_after in (1, 2, 3):  # in an epoch, between two, in the second
        path = tmp_path / f"stopped{stop_after}.safetensors"
        stopped = trainer_of(config, tiles, path, variant, model, **more)
        plain_step = stopped._step

        def step(index, stopped=stopped, plain_step=plain_step, stop_after=stop_after):
            if stopped.state.step == stop_after - 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return plain_step(index)

        stopped._step = step
        with pytest.raises(Interrupted):
            stopped.fit()
        resumed = trainer_of(config, tiles, path, variant, model, **more)
        resumed_log = resumed.fit()
        assert same(weights_of(straight), weights_of(resumed)), stop_after
        for row, again in zip(log, resumed_log, strict=True):
            assert row["train_total"] == pytest.approx(again["train_total"], rel=1e-12)


def test_an_epoch_may_have_more_tiles_than_there_are(config, tiles):
    once, more = (
        Batches(tiles / "train", settings_of(config, training={"tiles_per_epoch": wanted}), False, True)
        for wanted in (None, 30)
    )
    number = len(once)
    assert number == 12 and (once.steps, more.steps) == (3, 7)
    assert np.array_equal(more.order(3, 1).ravel()[:number], once.order(3, 1).ravel())
    drawn = np.bincount(more.order(3, 1).ravel(), minlength=number)
    assert drawn.sum() == 28 and set(drawn) <= {2, 3}
    assert not np.array_equal(more.order(3, 1), more.order(3, 2))


def test_seeds_differ_and_repeat(config, tiles, tmp_path):
    runs = [trainer_of(config, tiles, tmp_path / f"{i}.safetensors", seed=s) for i, s in enumerate((0, 0, 1))]
    for run in runs:
        run.fit()
    assert same(weights_of(runs[0]), weights_of(runs[1]))
    assert not same(weights_of(runs[0]), weights_of(runs[2]))


@pytest.mark.parametrize(("variant", "model"), [("ours-cnt", "canonical"), ("semantic", "semantic")])
def test_without_the_instance_labels_training_gives_the_same_weights(config, tiles, tmp_path, variant, model):
    with_labels = trainer_of(config, tiles, tmp_path / "a.safetensors", variant, model)
    with_labels.fit()
    weak = tmp_path / "weak"
    for name in ("train", "val"):
        (weak / name).mkdir(parents=True)
        for file in (tiles / name).iterdir():
            if file.name != "instances.npy":
                (weak / name / file.name).symlink_to(file)
    without = trainer_of(config, weak, tmp_path / "b.safetensors", variant, model)
    without.fit()
    assert same(weights_of(with_labels), weights_of(without))


def test_ours_never_gets_the_count(config, tiles):
    settings = settings_of(config, "ours")
    batches = Batches(tiles / "train", settings, instances=False, counts=False)
    batch = batches.training_batch(np.arange(4), torch.Generator().manual_seed(0))
    assert set(batch) == {"images", "mask", "valid"}


def test_a_checkpoint_of_other_settings_is_not_taken_up(config, tiles, tmp_path, capsys):
    path = tmp_path / "c.safetensors"
    first = trainer_of(config, tiles, path)
    first.fit()
    assert path.exists()
    second = trainer_of(config, tiles, path, training={"max_lr": 0.01})
    assert load_checkpoint(path, second.model, second.optimizer, second.fingerprint) is None
    second.fit()
    assert "training begins anew" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["images", "masks", "valid", "instances"])
def test_a_checkpoint_of_other_tiles_is_not_taken_up(config, tiles, tmp_path, part):
    """One pixel of one tile is another, and the table, with its counts, the same."""
    other = tmp_path / "tiles"
    shutil.copytree(tiles, other)
    array = np.load(other / "train" / f"{part}.npy", mmap_mode="r+")
    array[3, 5, 7] = 1 - array[3, 5, 7]
    array.flush()
    settings = settings_of(config)
    for instances in (False, True):
        first, second = (
            train.told_of(Batches(each / "train", settings, instances, counts=True), counts=True)
            for each in (tiles, other)
        )
        assert (first == second) == (part == "instances" and not instances)


def test_a_count_is_told_to_the_runs_that_learn_from_it_alone(config, tiles, tmp_path):
    other = tmp_path / "tiles"
    shutil.copytree(tiles, other)
    table = pd.read_csv(other / "train" / "tiles.csv")
    table.loc[2, "k"] += 1
    table.to_csv(other / "train" / "tiles.csv", index=False, float_format="%.9g")
    for counts in (False, True):
        first, second = (
            train.told_of(Batches(each / "train", settings_of(config), False, counts), counts)
            for each in (tiles, other)
        )
        assert (first == second) != counts


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.3, 0.9])
def test_a_schedule_of_few_steps(config, tiles, tmp_path, fraction):
    """A rise of exactly one step (a quarter of four) is one that torch divides by zero for."""
    schedule = {"epochs": 1, "tiles_per_epoch": 16, "warmup_fraction": fraction}
    trainer = trainer_of(config, tiles, tmp_path / "c.safetensors", training=schedule)
    assert trainer.total == 4
    (row,) = trainer.fit()
    assert 0 < row["lr"] <= SMALL["training"]["max_lr"]


@pytest.mark.parametrize(("has", "auto"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_told_as_what_it_was(monkeypatch, has, auto):
    monkeypatch.setattr(device, "has_bf16", lambda where: has)
    cpu = torch.device("cpu")
    assert [device.precision_of(cpu, each) for each in ("auto", "bf16", "fp32")] == [auto, "bf16", "fp32"]
    with device.autocast(cpu, "auto"):
        assert torch.is_autocast_enabled("cpu") == has


def test_a_damaged_checkpoint_is_named_with_the_remedy(config, tiles, tmp_path):
    path = tmp_path / "c.safetensors"
    trainer = trainer_of(config, tiles, path)
    save_checkpoint(path, trainer.model, trainer.optimizer, State(fingerprint=trainer.fingerprint))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"x" * 100):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"c\.safetensors: the checkpoint cannot be read.*delete it"):
            trainer.fit()


def test_a_loss_that_is_no_number_stops_with_step_and_tiles(config, tiles, tmp_path):
    path = tmp_path / "c.safetensors"
    trainer = trainer_of(config, tiles, path)
    with torch.no_grad():
        trainer.model.shape.layer3.bias.fill_(float("nan"))
    with pytest.raises(InputError, match=r"the loss is nan at step 0 \(tiles \d+, .*max_lr"):
        trainer.fit()
    # the step before had moved the batch norm already: what is no number must not be resumed from
    assert not path.exists()


def test_killed_in_the_middle_it_goes_on_from_its_checkpoint(config, tiles, tmp_path, repository):
    """SIGKILL, in a process of its own: what is on the disk is whole, and leads to the same weights."""
    more = {"training": {"epochs": 4, "tiles_per_epoch": 8}}
    (tmp_path / "settings.json").write_text(json.dumps(settings_of(config, **more)))
    program = f"""
import json, sys, torch
sys.path.insert(0, {str(repository / "workflow" / "scripts")!r})
from pathlib import Path
from canonuclei.models.registry import build_model
from canonuclei.training.batches import Batches
from canonuclei.training.loop import Trainer
torch.set_num_threads(1); torch.manual_seed(0)
settings = json.loads(Path({str(tmp_path / "settings.json")!r}).read_text())
model = build_model("canonical", "tiny", settings, None)
tiles = Path({str(tiles)!r})
train, val = (Batches(tiles / s, settings, instances=False, counts=True) for s in ("train", "val"))
Trainer(model, train, val, settings, "run", 0, Path(sys.argv[1])).fit()
"""
    straight, killed = tmp_path / "straight.safetensors", tmp_path / "killed.safetensors"
    subprocess.run([sys.executable, "-c", program, str(straight)], check=True, capture_output=True)
    process = subprocess.Popen([sys.executable, "-c", program, str(killed)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not killed.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert killed.exists()
    subprocess.run([sys.executable, "-c", program, str(killed)], check=True, capture_output=True)
    assert same(load_file(straight), load_file(killed))


def test_weights_of_another_network_are_refused(config, tiles, tmp_path):
    from canonuclei.training.records import load_weights

    path = tmp_path / "w.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="weights of another network"):
        load_weights(path, trainer_of(config, tiles, tmp_path / "c").model)


def test_the_rules_script_trains_ours_without_counts_and_instances(config, tiles, tmp_path, repository):
    """Through the script as the rule calls it: K scrambled and instance labels gone, the same weights."""
    spec = importlib.util.spec_from_file_location("train", repository / "workflow" / "scripts" / "train.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    weak = tmp_path / "weak"
    for name in ("train", "val"):
        (weak / name).mkdir(parents=True)
        for file in (tiles / name).iterdir():
            if file.name not in ("instances.npy", "tiles.csv"):
                (weak / name / file.name).symlink_to(file)
        table = pd.read_csv(tiles / name / "tiles.csv")
        table.assign(k=table["k"][::-1].to_numpy() + 7).to_csv(weak / name / "tiles.csv", index=False)
    run = {"run": "r", "variant": "ours", "model": "canonical", "encoder": "tiny", "seed": 0}
    settings = settings_of(config, "ours", training={"threads": 1})
    weights = []
    for folder in (tiles, weak):
        out = tmp_path / folder.name
        out.mkdir(exist_ok=True)
        script.main({**run, "supervision": "masks"}, settings, folder, None, out, 1, "code")
        weights.append(load_file(out / "model.safetensors"))
        described = json.loads((out / "model.json").read_text())
        assert described["shape"]["has_inside"]
        assert {p.name for p in out.iterdir()} >= {"model.safetensors", "model.json", "log.csv"}
    assert same(*weights)
