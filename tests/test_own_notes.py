"""What is noticed in one's own files is told once; the sample images give nothing to notice."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sample_images
from canonuclei.data.folder_remarks import FEW, gathered
from canonuclei.data.reader import read_picture
from canonuclei.errors import InputError
from canonuclei.logs import log_to

SCRIPTS = Path(__file__).resolve().parent.parent / "workflow" / "scripts"


def indexed(folder: Path, **more: object) -> str:
    """The log of the rule `index`."""
    spec = importlib.util.spec_from_file_location("index_script", SCRIPTS / "index.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data = {"kind": "folder", "images": str(folder / "images"), "masks": str(folder / "masks")}
    data |= {"counts": None, "split": None, "channel": None, "nucleus_diameter": None, "scale": None, **more}
    with log_to(folder / "index.log"):
        module.own(data, folder / "images.csv")
    return (folder / "index.log").read_text()


def test_sample_images_are_what_cameras_give(tmp_path):
    sample_images.main(tmp_path / "my", 4)
    files = sorted((tmp_path / "my" / "images").iterdir())
    assert [path.name for path in files] == [f"sample 0{number}.png" for number in range(1, 5)]
    assert {Image.open(path).mode for path in files} == {"RGB"}
    assert all(read_picture(path).notes == () for path in files)
    counts = pd.read_csv(tmp_path / "my" / "counts.csv")
    assert counts["count"].between(1, 500).all()
    text = indexed(tmp_path / "my", counts=str(tmp_path / "my" / "counts.csv"))
    assert "4 images with masks" in text and "Note" not in text and "alpha" not in text
    with pytest.raises(InputError, match="1 image "):
        sample_images.main(tmp_path / "other", 1)


def test_asking_for_help_makes_no_folder(tmp_path):
    script = [sys.executable, sample_images.__file__]
    asked = subprocess.run([*script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "FOLDER" in asked.stdout and not list(tmp_path.iterdir())


def test_a_note_stands_once_in_the_log(tmp_path):
    sample_images.main(tmp_path, 5)
    for number, path in enumerate(sorted((tmp_path / "images").iterdir())):
        pixels = np.asarray(Image.open(path))
        alpha = np.full_like(pixels[..., :1], 255)
        if number < FEW:
            Image.fromarray(np.concatenate([pixels, alpha], axis=2)).save(path)
    lines = [line for line in indexed(tmp_path).splitlines() if "alpha" in line]
    assert len(lines) == FEW and all(line.startswith("Note: ") for line in lines)
    assert ["sample 01.png" in line for line in lines] == [True, False, False]


def test_what_is_said_of_many_files_is_said_once():
    notes = [(Path("i") / f"{number}.png", "its alpha channel is dropped") for number in range(12)]
    notes += [(Path("m/1.png"), "inverted?"), (Path("m/1.png"), "inverted?")]
    assert gathered(notes) == [
        "i: of 12 files (0.png, 1.png, 2.png and 9 more): its alpha channel is dropped",
        "m/1.png: inverted?",
    ]
    assert gathered(notes[:FEW]) == [f"i/{number}.png: its alpha channel is dropped" for number in range(FEW)]
