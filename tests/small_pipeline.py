"""A copy of the pipeline that a test may spoil, and the smallest configurations to run in it."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "config", "envs", "profiles", "workflow")
# Every rule of the demo, each as small as it goes
SMALLEST = {
    "dataset": "small",
    "simulation": {"images": {"train": 2, "validation": 1, "test": 1}, "size": [128, 160]},
    "training": {"epochs": 1, "batch_size": 2, "compile": False},
    "evaluation": {"bootstrap": 10},
    "variants": {"mask-rcnn": {"training": {"epochs": 1}}},
}
# Linux capabilities by which root writes where its permissions say that it may not
DAC_OVERRIDE, DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24


def copy_of_the_pipeline(folder: Path) -> Path:
    """The repository without its tests and results."""
    folder.mkdir(parents=True)
    for name in PARTS:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder


def write_config(folder: Path, name: str = "small.yaml", **more: object) -> Path:
    """The smallest configuration, with top-level keys in place of its own; to be laid over the demo's."""
    path = folder / name
    path.write_text(yaml.safe_dump({**SMALLEST, **more}, allow_unicode=True), encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--cores", "1", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}


def snakemake(folder: Path, *arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy; standard output and error are one text, ``stdout``."""
    more["env"] = environment(**more.get("env", {}))
    joined = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.run(command(*arguments), cwd=folder, timeout=280, **joined, **more)


def plan(folder: Path, *arguments: object) -> tuple[dict[str, int], str]:
    """The jobs of a dry run by rule, without those that gather everything; and all that it said."""
    run = snakemake(folder, "--dry-run", *arguments)
    assert run.returncode == 0, run.stdout[-3000:]
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total ", run.stdout, flags=re.M | re.S)
    assert table or "Nothing to be done" in run.stdout, run.stdout[-3000:]
    jobs = dict(line.split() for line in table[1].splitlines()) if table else {}
    return {rule: int(count) for rule, count in jobs.items() if rule not in ("all", "provenance")}, run.stdout


def bound_by_permissions() -> dict[str, object]:
    """For ``subprocess``: a process that permissions bind, root's too; skips where that cannot be."""
    if os.geteuid() != 0:
        return {}
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(23, DAC_OVERRIDE, 0, 0, 0) < 0:  # PR_CAPBSET_READ
        pytest.skip("root cannot give up its rights here: nothing is read-only to it")

    def drop() -> None:
        for capability in (DAC_OVERRIDE, DAC_READ_SEARCH):
            if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "capability")

    return {"preexec_fn": drop}


def read_only(folder: Path) -> None:
    """Take every right to write from a folder and all in it; pytest removes it all the same."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def writable(folder: Path) -> None:
    """Give the rights back."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
