"""Folders with spaces, quotes and letters beyond ASCII, and folders that may only be read."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from small_pipeline import (
    bound_by_permissions,
    copy_of_the_pipeline,
    environment,
    plan,
    read_only,
    snakemake,
    writable,
    write_config,
)

SCRIPTS = Path(__file__).resolve().parent.parent / "workflow" / "scripts"
ODD = "Labor Ähre's (1) & 核 #5%"
# What batch systems and cron give a program
PLAIN = {"LC_ALL": "C", "LANG": "C"}


def discs(folder: Path, names: list[str]) -> None:
    """Images of discs and their masks, in ``Bilder`` and ``Masken``."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :160]
    for name in names:
        mask = np.zeros((128, 160), bool)
        for row, column in rng.uniform(15, 110, (8, 2)):
            mask |= (y - row) ** 2 + (x - column) ** 2 < 64
        grey = np.where(mask, 180, 20) + rng.normal(0, 8, mask.shape)
        for part, pixels in {"Bilder": grey.clip(0, 255), "Masken": mask * 255}.items():
            path = folder / part / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)


def canonuclei(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "canonuclei", *map(str, arguments)]
    env = environment(PYTHONPATH=str(SCRIPTS), **PLAIN)
    return subprocess.run(call, env=env, capture_output=True, encoding="utf-8", timeout=280, **more)


def test_own_images_that_may_only_be_read_in_an_odd_place(tmp_path):
    """The repository itself lies in such a place; images, masks and counts in another, which is read-only."""
    folder = copy_of_the_pipeline(tmp_path / ODD / "canonuclei ü")
    own = tmp_path / f"{ODD} own"
    names = ["Präparat 1", "核 2", "x'3\"", "[4] $HOME *"]
    discs(own, names)
    pd.DataFrame({"image": names, "count": 8}).to_csv(own / "zählung.csv", index=False)
    sides = {"image": names, "split": ["train", "train", "val", "test"]}
    pd.DataFrame(sides).to_csv(own / "split.csv", index=False)
    data = {"kind": "folder", "images": str(own / "Bilder"), "masks": str(own / "Masken")}
    data |= {"counts": str(own / "zählung.csv"), "split": str(own / "split.csv")}
    runs = [{"variant": "ours-cnt", "encoder": "tiny", "seeds": [0]}]
    write_config(folder, "mine.yaml", data=data, runs=runs, figures={"encoder": "tiny"})
    read_only(own)
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*")}
    call = ("--configfile", "config/demo.yaml", "config/folder.yaml", "mine.yaml")
    target = ("--", "results/small/tiles/test/tiles.csv")
    run = snakemake(folder, *call, *target, env=PLAIN, **bound_by_permissions())
    assert run.returncode == 0, run.stdout[-3000:]
    table = pd.read_csv(folder / "results" / "small" / "tiles" / "test" / "tiles.csv")
    assert set(table["image_id"]) == {"[4] $HOME *"} and len(table) == 2
    assert {path: path.stat().st_mtime_ns for path in own.rglob("*")} == before
    assert plan(folder, *call, *target)[0] == {}
    # but for what Snakemake takes for a pattern
    braces = own.rename(tmp_path / "{set}")
    data |= {"images": str(braces / "Bilder"), "masks": str(braces / "Masken")}
    none = {"kind": "bbbc038"} | dict.fromkeys(("images", "masks", "counts", "split"))
    for more in ({"data": data}, {"data": none, "source": str(braces)}):
        write_config(folder, "mine.yaml", runs=runs, figures={"encoder": "tiny"}, **more)
        refused = snakemake(folder, "--dry-run", *call)
        told = [line for line in refused.stdout.splitlines() if line.startswith("Error: ")]
        assert len(told) == 1 and str(braces) in told[0] and "rename it without { and }" in told[0]


@pytest.mark.slow
def test_the_smallest_pipeline_in_an_odd_place(tmp_path):
    """All of it, from packed files that may only be read; then nothing to do, and alpha retrains one run."""
    folder = copy_of_the_pipeline(tmp_path / ODD)
    runs = [{"variant": name, "encoder": "tiny", "seeds": [0]} for name in ("ours", "ours-cnt")]
    write_config(folder, runs=runs)
    call = ("--configfile", "config/demo.yaml", "small.yaml")
    packed = tmp_path / f"{ODD} packed"
    simulated = snakemake(folder, *call, "--", "simulate")
    assert simulated.returncode == 0, simulated.stdout[-3000:]
    shutil.move(folder / "results" / "small" / "source", packed)
    read_only(packed)
    write_config(folder, runs=runs, source=str(packed), dataset="packed")
    run = snakemake(folder, *call, env=PLAIN, **bound_by_permissions())
    assert run.returncode == 0, run.stdout[-3000:]
    results = folder / "results" / "packed"
    for name in ("table1.md", "figures/figure2.png", "runs/ours-cnt_tiny_s0/model.safetensors"):
        assert (results / name).stat().st_size
    assert plan(folder, *call)[0] == {}
    (folder / "alpha.yaml").write_text("variants: {ours-cnt: {alpha: 0.02}}", encoding="utf-8")
    jobs, said = plan(folder, *call, "alpha.yaml")
    assert jobs["train"] == 1 and "Training ours-cnt_tiny_s0" in said


def test_results_that_may_only_be_read(tmp_path):
    """Read-only images are segmented; results that are read-only say so in one line."""
    images, out = tmp_path / f"{ODD} images", tmp_path / f"{ODD} results"
    discs(images, ["Präparat 1"])
    read_only(images)
    bound = bound_by_permissions()
    said = canonuclei("segment", images / "Bilder", "--output", out, "--quiet", **bound)
    assert said.returncode == 0, said.stderr
    assert json.loads((out / "Präparat 1" / "metadata.json").read_text())["name"] == "Präparat 1"
    writable(images)
    read_only(out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    for call in (
        ("segment", images / "Bilder", "--output", out, "--quiet"),
        ("segment", images / "Bilder", "--output", out / "new", "--quiet"),
        ("rethreshold", out, "--threshold", "0.4"),
        ("rethreshold", out / "Präparat 1", "--threshold", "0.4"),
        ("explain", out),
    ):
        said = canonuclei(*call, **bound)
        (line,) = said.stderr.splitlines()
        assert said.returncode == 1 and line.startswith("Error: "), (call, line)
        assert "Permission denied" in line and str(out) in line, (call, line)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_workflow_that_may_not_write(tmp_path):
    """Neither in the folder itself, nor in results/: said before anything is computed."""
    folder = copy_of_the_pipeline(tmp_path / "copy")
    write_config(folder)
    call = ("--configfile", "config/demo.yaml", "small.yaml", "--", "simulate")
    bound = bound_by_permissions()
    (folder / "results").mkdir(mode=0o555)
    said = snakemake(folder, *call, **bound)
    assert said.returncode == 1 and "Permission denied" in said.stdout and "results/small" in said.stdout
    shutil.rmtree(folder / ".snakemake")
    folder.chmod(0o555)
    said = snakemake(folder, *call, **bound)
    folder.chmod(0o755)
    assert said.returncode == 1 and "Permission denied" in said.stdout and ".snakemake" in said.stdout
