"""Images and the command with a stand-in for its model, for tests of the files of segmented images."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from canonuclei.cli import main
from canonuclei.segmentation.segmenter import Segmenter
from segment_standins import Places, coordinates, lattice, segmenter

HEIGHT, WIDTH = 200, 180


def standin() -> Segmenter:
    discs = lattice(HEIGHT, WIDTH)
    discs[:, 3] = np.random.default_rng(0).uniform(0.1, 0.999, len(discs))
    return segmenter(Places(discs))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """The command's model is the stand-in."""
    made = standin()
    monkeypatch.setattr(Segmenter, "load", classmethod(lambda cls, model=None, threads=None: made))
    return made


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "c"):
        Image.fromarray(coordinates(HEIGHT, WIDTH)).save(folder / f"{name}.png")
    return folder


def call(*arguments: object) -> int:
    """The command's exit code."""
    try:
        main([str(one) for one in arguments])
    except SystemExit as ended:
        return int(ended.code)
    return 0


def segment(images: object, output: Path, *more: object) -> int:
    return call("segment", images, "--output", output, "--quiet", "--no-explain", *more)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def metadata_of(folder: Path) -> dict:
    return json.loads((folder / "metadata.json").read_text())
