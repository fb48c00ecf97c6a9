"""The whole pipeline, killed with all of its processes, stage by stage; and its report on a full disk."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import Disk, content, small_disk

REPOSITORY = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "Makefile", "config", "envs", "profiles", "workflow", "requirements", "pyproject.toml")
OVERLAY = """
runs: [{variant: ours-cnt, encoder: tiny, seeds: [0]}]
training: {epochs: 2}
"""
# Of every stage a file that appears when it is at work
STAGES = {
    "tiling": ("results/ci/tiles/*/.partial-*", "Cutting tiles"),
    "training": ("results/ci/runs/*/checkpoint.safetensors", "Training"),
    "prediction": ("results/ci/logs/predict_*.log", "Predicting"),
    "tables": ("results/ci/logs/tables.log", "Making the tables"),
}
pytestmark = pytest.mark.slow


def project(folder: Path) -> Path:
    """The repository's files in a folder of their own, with an environment that is this one."""
    for part in PARTS:
        source = REPOSITORY / part
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        folder.mkdir(exist_ok=True)
        copy(source, folder / part)
    (folder / "config" / "faults.yaml").write_text(OVERLAY)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    for stamp in (".pipeline", ".library"):
        (folder / ".venv" / stamp).write_text("")
    return folder


def snakemake(folder: Path, *arguments: str) -> subprocess.Popen:
    configs = [f"config/{name}.yaml" for name in ("demo", "ci", "faults")]
    call = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments, "--configfile", *configs]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # a session of its own: all of its processes are killed at once
    return subprocess.Popen(
        call, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env=environment,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> str:
    """What it says; it must end well."""
    said = process.communicate(timeout=600)[0]
    assert process.returncode == 0, said[-3000:]
    return said


def made(folder: Path) -> dict[str, bytes]:
    """Results without logs, and without what a clock tells."""
    found = content(folder / "results" / "ci")
    told_by_a_clock = (
        "logs/",
        "runs/ours-cnt_tiny_s0/model.json",
        "runs/ours-cnt_tiny_s0/log.csv",
        "figures/training_curves",
        "provenance.json",
    )
    return {name: data for name, data in found.items() if not name.startswith(told_by_a_clock)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = project(tmp_path_factory.mktemp("undisturbed") / "project")
    finish(snakemake(folder))
    return folder


def test_killed_in_every_stage_it_ends_with_the_same_files(undisturbed, tmp_path):
    folder = project(tmp_path / "project")
    for stage, (pattern, _) in STAGES.items():
        process = snakemake(folder)
        deadline = time.monotonic() + 300
        while not list(folder.glob(pattern)):
            assert process.poll() is None, f"it ended before {stage}: {process.communicate()[0][-3000:]}"
            assert time.monotonic() < deadline, stage
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        # Snakemake itself was killed: it says that its lock was left, and how to remove it
        locked = snakemake(folder)
        said = locked.communicate()[0]
        assert locked.returncode != 0 and "--unlock" in said
        finish(snakemake(folder, "--unlock"))
    finish(snakemake(folder))
    assert "Nothing to be done" in finish(snakemake(folder))
    wanted, found = made(undisturbed), made(folder)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert len(wanted) > 30


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    yield from small_disk(tmp_path / "disk", 100)


def test_a_report_on_a_full_disk(disk: Disk, undisturbed):
    """The older report stays; the same command makes it when there is room."""
    results = undisturbed / "results"
    shutil.copytree(results, disk.folder / "results", symlinks=True)
    results.rename(undisturbed / "kept")
    results.symlink_to(disk.folder / "results")
    report = results / "ci" / "report.html"
    arguments = "--configfile config/demo.yaml config/ci.yaml config/faults.yaml"
    call = ["make", "report", "DATASET=ci", f"ARGS={arguments}"]
    try:
        subprocess.run(call, cwd=undisturbed, check=True, capture_output=True)
        older = report.read_bytes()
        (results / "ci" / "table1.csv").touch()
        disk.fill(len(older) // 2)
        failed = subprocess.run(call, cwd=undisturbed, capture_output=True, text=True)
        last = [line for line in failed.stderr.splitlines() if line.startswith("Error: ")][-1]
        assert failed.returncode != 0 and "results/ci/report.html" in last and " free in " in last
        assert report.read_bytes() == older and not list((results / "ci").glob(".partial*"))
        disk.make_room()
        subprocess.run(call, cwd=undisturbed, check=True, capture_output=True)
        assert report.stat().st_size > 0
    finally:
        results.unlink()
        (undisturbed / "kept").rename(results)
