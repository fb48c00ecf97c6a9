"""A tiny training and its prediction by the rules' own scripts, in processes that can be killed."""

import importlib.util
import multiprocessing
from pathlib import Path

import pandas as pd
import pytest
import yaml

from canonuclei.data.tiles import cut_tiles
from canonuclei.settings import overlay, run_settings
from fault_outputs import annotated
from faults import kill_after

REPOSITORY = Path(__file__).resolve().parent.parent
# autograd does not run in a process that was forked from one in which it ran: these come from a clean one
CLEAN = multiprocessing.get_context("forkserver")
# what takes long to load, once for all of them
LOADED = ("torch", "torchvision", "timm", "pandas", "scipy.ndimage", "skimage.measure", "matplotlib.figure")
CLEAN.set_forkserver_preload([*LOADED, "pytest", "safetensors.torch", "tifffile", "pycocotools.mask", "tqdm"])


def script(name: str):
    """A rule's script as a module."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "workflow" / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings() -> dict:
    """Of two epochs of two steps of the tiny network."""
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    small = {"epochs": 2, "batch_size": 2, "tiles_per_epoch": 4, "compile": False, "precision": "fp32"}
    found = overlay(run_settings(config, "ours-cnt", "tiny"), {"training": small})
    found["encoder"]["weights"] = "none"
    return found


def train(folder: Path, *kill: object) -> None:
    """The rule's script."""
    run = {"run": "r", "variant": "ours-cnt", "model": "canonical", "encoder": "tiny", "seed": 0}
    run["supervision"] = "masks+counts"
    (folder / "run").mkdir(exist_ok=True)
    if kill:
        kill_after(*kill)
    script("train").main(run, settings(), folder / "tiles", None, folder / "run", 1, "code")


def predict(folder: Path, *kill: object, run: str = "r") -> None:
    """The rule's script."""
    names = ("csv.gz", "whole.csv.gz", "shape.json", "grid32.rle.json.gz")
    outputs = [folder / "nuclei" / f"{run}.{name}" for name in names]
    prediction = settings()["prediction"]
    if kill:
        kill_after(*kill)
    script("predict").main(
        folder / "run" / "model.safetensors", folder / "tiles", outputs, prediction, "Ours", 1
    )


def clean(function, *arguments: object) -> int:
    """The exit code of a function in a process of its own, or minus the signal that ended it."""
    process = CLEAN.Process(target=function, args=arguments)
    process.start()
    process.join()
    return process.exitcode


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """Tiles, a run and its predictions, undisturbed."""
    folder = tmp_path_factory.mktemp("trained")
    for name, overlapping in (("train", 0), ("val", 0), ("test", 0), ("whole", 64)):
        cut_tiles([annotated(len(name), 250)], folder / "tiles" / name, size=128, overlap=overlapping)
    assert clean(train, folder) == 0 and clean(predict, folder) == 0
    return folder


def log_of(folder: Path) -> pd.DataFrame:
    """The log without what a clock tells."""
    log = pd.read_csv(folder / "run" / "log.csv")
    return log.drop(columns=[name for name in log if "second" in name])
