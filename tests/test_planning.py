"""Planning: what is wrong is one line, and what is planned grows no faster than what is asked for."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

import measure_planning
import scale_table

REPOSITORY = Path(__file__).resolve().parent.parent


def snakemake(*arguments: object, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "images: no folder of images is named (snakemake segment --config images=<folder"),
        (["images=nofolder"], "nofolder: no such folder or image (snakemake segment --config images=<folder"),
        (["images=tests", "model=none.safetensors"], "tests: no image in this folder"),
        (
            ["images={}", "model=none.safetensors"],
            "none.safetensors: no such model (name the model.safetensors",
        ),
    ],
)
def test_what_cannot_be_segmented_is_one_line(given, told, tmp_path):
    (tmp_path / "a.png").touch()
    config = ["--config", *(one.format(tmp_path) for one in given)] if given else []
    run = snakemake("segment", "--dry-run", *config)
    assert run.returncode == 1
    faults = [line for line in run.stderr.splitlines() if "rror" in line]
    assert len(faults) == 1 and faults[0].startswith(f"Error: {told}"), run.stderr
    assert "Traceback" not in run.stderr and run.stderr.splitlines()[-1] == faults[0]


# each is planned three times, which takes some ten seconds
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("images", 1000),
        pytest.param("seeds", 20, marks=pytest.mark.slow),
        pytest.param("variants", 20, marks=pytest.mark.slow),
    ],
)
def test_planning_grows_with_what_is_planned(kind, number, tmp_path):
    # functions that are called, for time is noisy; and not the output, which has a line a job
    calls = []
    for times in (1, 2, 4):
        folder = tmp_path / str(times)
        folder.mkdir()
        calls.append(
            measure_planning.calls_of(folder, measure_planning.prepared(folder, kind, number * times))
        )
    first, second = calls[1] - calls[0], calls[2] - calls[1]
    assert 0 < second < 2.2 * first, "twice as much costs more than twice as much"


def test_a_measurement_of_planning(capsys):
    (row,) = measure_planning.main(["--images", "3"])
    assert row["jobs"] >= 3 and row["peak_mb"] > 20 and row["seconds"] > 0
    assert "| 3 images |" in capsys.readouterr().out
    chosen = argparse.Namespace(seeds=[10], variants=[], images=[1, 2])
    assert list(measure_planning.sizes(chosen)) == [("seeds", 10), ("images", 1), ("images", 2)]


def test_the_costs_in_the_document_are_those_that_were_published():
    assert scale_table.main(check=True) == 0, "run: make docs"
