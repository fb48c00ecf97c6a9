"""Training whose numbers are no numbers any more, and two trainings of one run."""

import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from canonuclei.errors import InputError
from canonuclei.locks import LOCK
from canonuclei.training.checkpoint import FAILED
from test_training import config, settings_of, tiles, trainer_of  # noqa: F401

RUN = {"run": "r", "variant": "ours-cnt", "model": "canonical", "encoder": "tiny", "seed": 0}
RUN |= {"supervision": "masks+counts"}


@pytest.fixture(scope="module")
def script(repository) -> ModuleType:
    """The script of the rule train."""
    spec = importlib.util.spec_from_file_location("train", repository / "workflow" / "scripts" / "train.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def failure_of(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """What a failed training left to be looked at."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return json.loads(file.metadata()["failure"]), tensors


def test_a_loss_that_explodes(config, tiles, tmp_path, script):  # noqa: F811
    """A learning rate beyond all measure, through the rule's script."""
    settings = settings_of(config, training={"max_lr": 1e30, "epochs": 3, "threads": 1})
    said = []
    for _ in range(2):  # given again, the command does not go on from what is broken
        with pytest.raises(InputError) as caught:
            script.main(RUN, settings, tiles, None, tmp_path, 1, "code")
        said.append(str(caught.value))
    assert said[0] == said[1]
    told, tensors = failure_of(tmp_path / FAILED)
    numbers = ", ".join(str(row["tile"]) for row in told["tiles"])
    assert f"r: the {told['what']} is " in said[0] and f"at step {told['step']} (tiles {numbers})" in said[0]
    assert "lower training.max_lr" in said[0] and str(tmp_path / FAILED) in said[0]
    assert told["step"] > 0 and len(told["tiles"]) == 4
    assert {"tile", "image_id", "tile_y", "tile_x"} == set(told["tiles"][0])
    # the weights as the failing step found them, momentum, and the very batch
    assert tensors["batch.images"].shape == (4, 3, 128, 128) and tensors["batch.images"].isfinite().all()
    assert any(name.startswith("momentum.") for name in tensors)
    # nothing that a next rule could take for a result, and no lock
    results = {"model.safetensors", "model.json", "log.csv"}
    assert not (results | {LOCK}) & {path.name for path in tmp_path.iterdir()}
    # with what the message says, it trains, and what was kept of the failure goes
    settings["training"]["max_lr"] = 0.02
    script.main(RUN, settings, tiles, None, tmp_path, 1, "code")
    assert {path.name for path in tmp_path.iterdir()} == results
    assert all(value.isfinite().all() for value in load_file(tmp_path / "model.safetensors").values())


@pytest.mark.parametrize("factor", [math.inf, math.nan])
def test_a_gradient_in_the_last_step_of_an_epoch(factor, config, tiles, tmp_path):  # noqa: F811
    """The loss is still a number: without a look at the gradient, broken weights would be the checkpoint."""
    path = tmp_path / "checkpoint.safetensors"
    trainer = trainer_of(config, tiles, path)
    before = {}

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        if trainer.state.step != 2 * trainer.steps - 1:
            return gradient
        before.update({name: value.clone() for name, value in trainer.model.named_parameters()})
        return gradient * factor

    trainer.model.shape.layer1.weight.register_hook(spoil)
    last = 2 * trainer.steps - 1
    with pytest.raises(InputError, match=rf"the gradient is (nan|inf) at step {last} \(tiles"):
        trainer.fit()
    for name, value in trainer.model.named_parameters():
        assert torch.equal(value, before[name]), name
    told, _ = failure_of(tmp_path / FAILED)
    assert "gradient of shape.layer1.weight" in told["not_finite"] and told["epoch"] == 2
    # what it would go on from is the epoch before, and sound
    assert all(value.isfinite().all() for value in load_file(path).values())
    again = trainer_of(config, tiles, path)
    assert again.fit()[-1]["epoch"] == 2


def test_means_of_batch_norm_that_are_no_numbers(config, tiles, tmp_path):  # noqa: F811
    """They do not show in training's loss."""
    path = tmp_path / "checkpoint.safetensors"
    trainer = trainer_of(config, tiles, path)
    name, norm = next(
        (name, each) for name, each in trainer.model.named_modules() if isinstance(each, torch.nn.BatchNorm2d)
    )
    norm.running_mean.fill_(math.nan)
    with pytest.raises(InputError, match=rf"the {name}\.running_mean is nan at step {trainer.steps} \("):
        trainer.fit()
    assert not path.exists() and f"{name}.running_mean" in failure_of(tmp_path / FAILED)[0]["not_finite"]


def test_what_failed_is_not_gone_on_from(config, tiles, tmp_path):  # noqa: F811
    path = tmp_path / "checkpoint.safetensors"
    trainer = trainer_of(config, tiles, path, training={"max_lr": 1e30, "epochs": 3})
    with pytest.raises(InputError):
        trainer.fit()
    (tmp_path / FAILED).rename(path)
    with pytest.raises(InputError, match="the state of a training that failed"):
        trainer_of(config, tiles, path, training={"max_lr": 1e30, "epochs": 3}).fit()


PROGRAM = """
import importlib.util, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
spec = importlib.util.spec_from_file_location("train", Path(sys.argv[1]) / "train.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
run, settings = json.loads(sys.argv[2])
script.main(run, settings, Path(sys.argv[3]), None, Path(sys.argv[4]), 1, "code")
"""


def test_two_trainings_of_one_run(config, tiles, tmp_path, script, monkeypatch, repository):  # noqa: F811
    """With other settings, by hand: the second is refused; killed, the first leaves no lock."""
    settings = settings_of(config, training={"epochs": 200, "threads": 1})
    call = [sys.executable, "-c", PROGRAM, str(repository / "workflow" / "scripts")]
    call += [json.dumps([RUN, settings]), str(tiles), str(tmp_path)]
    first = subprocess.Popen(call, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "checkpoint.safetensors").exists():
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        monkeypatch.setattr(script, "STOPPING", 0.2)
        other = settings_of(config, training={"epochs": 1, "threads": 1})
        refused = rf"another training is at work .*process {first.pid} on "
        with pytest.raises(InputError, match=refused) as caught:
            script.main(RUN, other, tiles, None, tmp_path, 1, "code")
        assert "wait until it has ended or stop it" in str(caught.value)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    script.main(RUN, other, tiles, None, tmp_path, 1, "code")
    assert json.loads((tmp_path / "model.json").read_text())["steps"] == 3
