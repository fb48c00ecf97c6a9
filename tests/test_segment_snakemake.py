"""`snakemake segment` as it is called: jobs, one bad image, and what is done again."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
SETTINGS = "images: my images\nsegment: {images_per_job: 2, explain: false, output: out}\n"
# Names that shells, patterns and tables take for something else
NAMES = ("a b'$(x)", "c,d", "e{f}", "ü")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with images, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("copy") / "repository"
    ignored = shutil.ignore_patterns(".*", "results", "resources", "__pycache__", "tests")
    shutil.copytree(REPOSITORY, folder, ignore=ignored)
    (folder / "my images").mkdir()
    (folder / "settings.yaml").write_text(SETTINGS)
    for number, name in enumerate(NAMES):
        picture(folder, name, number)
    (folder / "my images" / "c,d.png").write_bytes(b"not a picture")
    return folder


def picture(folder: Path, name: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (96, 96), np.uint8)
    Image.fromarray(pixels).save(folder / "my images" / f"{name}.png")


def run(folder: Path) -> tuple[int, str, set[str]]:
    """Exit code, what was said, and the jobs that were run."""
    call = [sys.executable, "-m", "snakemake", "segment", "--cores", "1", "--configfile", "settings.yaml"]
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True)
    text = done.stdout + done.stderr
    return done.returncode, text, set(re.findall(r"Segmenting images, job (\w+)", text))


def times(folder: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("out/*/metadata.json")}


@pytest.mark.slow
def test_images_are_segmented_by_jobs(copy):
    code, text, jobs = run(copy)
    assert code == 1 and "Traceback" not in text, text[-3000:]
    assert 2 <= len(jobs) <= 4
    assert "1 of 4 images failed; the others are done (summary.csv lists all)." in text
    assert "c,d.png: " in text
    first, made = times(copy), pd.read_csv(copy / "out" / "summary.csv")
    assert set(first) == set(NAMES) - {"c,d"}
    assert made["image"].tolist() == list(NAMES) and (made["status"] == "done").sum() == 3
    assert set(pd.read_csv(copy / "out" / "counts.csv")["image"]) == set(first)

    # the image is mended: its job is run again, and no other image is segmented again
    picture(copy, "c,d", 9)
    code, text, again = run(copy)
    assert code == 0 and len(again) == 1 and again <= jobs, text[-3000:]
    assert {name: when for name, when in times(copy).items() if name != "c,d"} == first

    # results that are gone, and one image more
    shutil.rmtree(copy / "out" / "ü")
    second = times(copy)
    code, text, _ = run(copy)
    assert code == 1 and "the same command repeats them" in text, text[-3000:]
    picture(copy, "a", 10)
    code, text, _ = run(copy)
    assert code == 0, text[-3000:]
    now = times(copy)
    assert set(now) == {*NAMES, "a"} and {name: now[name] for name in second} == second
    assert pd.read_csv(copy / "out" / "summary.csv")["image"].tolist() == sorted(now, key="{}.png".format)
