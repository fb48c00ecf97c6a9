"""Two at once: two runs of the workflow, two calls on one folder of results, two trainings of one run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from canonuclei.errors import InputError
from canonuclei.locks import LOCK, alone
from small_pipeline import command, copy_of_the_pipeline, environment, snakemake, write_config

SCRIPTS = Path(__file__).resolve().parent.parent / "workflow" / "scripts"
HOLDER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from canonuclei.locks import alone
with alone(sys.argv[2], "another call"):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def holder(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that holds a folder."""
    call = [sys.executable, "-c", HOLDER, str(SCRIPTS), str(folder), str(seconds)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def wait_for(path: Path, seconds: float = 120) -> None:
    """Until the file is there and says something: a lock is made first, then held, then told whose it is."""
    deadline = time.monotonic() + seconds
    while not path.exists() or not path.read_bytes():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


def test_the_second_is_told_who_is_there(tmp_path):
    with holder(tmp_path, 60) as process:
        refused = pytest.raises(InputError, match=rf"another call is at work .*process {process.pid} on ")
        with refused, alone(tmp_path, "another call"):
            pass
        process.kill()
    # the kernel has let it go
    with alone(tmp_path, "another call"):
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_one_that_is_ending_is_waited_for(tmp_path):
    with holder(tmp_path, 0.5), alone(tmp_path, "another call", wait=30):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


def test_many_at_once_take_turns(tmp_path):
    """No two are ever in it: each adds one to a number that it reads and writes."""
    (tmp_path / "n").write_text("0")
    program = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from pathlib import Path
from canonuclei.locks import alone
for _ in range(5):
    with alone({str(tmp_path)!r}, "another", wait=60):
        n = int(Path({str(tmp_path / "n")!r}).read_text())
        Path({str(tmp_path / "n")!r}).write_text(str(n + 1))
"""
    calls = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [call.wait() for call in calls] == [0] * 4
    assert (tmp_path / "n").read_text() == "20"


def test_two_runs_of_the_workflow(tmp_path):
    """The second is refused, also after the first was killed, until --unlock."""
    folder = copy_of_the_pipeline(tmp_path / "copy")
    many = {"images": {"train": 5000, "validation": 1, "test": 1}, "size": [256, 256]}
    write_config(folder, "long.yaml", simulation=many)
    call = ("--configfile", "config/demo.yaml", "long.yaml", "--", "results/small/source/stage1_train.zip")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen(command(*call), cwd=folder, env=environment(), start_new_session=True, **quiet)
    try:
        wait_for(folder / ".snakemake" / "locks" / "0.output.lock")
        second = snakemake(folder, *call)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    for refused in (second, snakemake(folder, *call)):
        assert refused.returncode == 1 and "Traceback" not in refused.stdout
        assert "Directory cannot be locked" in refused.stdout and str(folder) in refused.stdout
        assert "no other Snakemake process" in refused.stdout and "--unlock" in refused.stdout
    assert snakemake(folder, "--unlock", *call).returncode == 0
    write_config(folder, "long.yaml")
    again = snakemake(folder, *call)
    assert again.returncode == 0, again.stdout[-2000:]


def test_two_calls_into_one_folder_of_results(tmp_path):
    """The second ends at once and changes nothing; the first, stopped meanwhile, ends well."""
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        Image.fromarray(rng.integers(0, 255, (150, 150), np.uint8)).save(images / f"{name}.png")
    call = [sys.executable, "-m", "canonuclei", "segment", str(images), "--output", str(out), "--no-explain"]
    call += ["--quiet", "--threads", "1"]
    env = environment(PYTHONPATH=str(SCRIPTS))
    first = subprocess.Popen(call, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(out / LOCK)
        first.send_signal(signal.SIGSTOP)
        before = sorted(out.rglob("*"))
        second = subprocess.run([*call, "--threshold", "0.9"], env=env, capture_output=True, text=True)
        assert sorted(out.rglob("*")) == before
    finally:
        first.send_signal(signal.SIGCONT)
    said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert second.returncode == 1
    (line,) = second.stderr.splitlines()
    assert f"another canonuclei is at work in this folder (process {first.pid} on " in line
    assert "give the command again" in line
    counts = pd.read_csv(out / "counts.csv")
    assert counts["image"].tolist() == ["a", "b", "c"] and set(counts["threshold"]) == {0.5}
    assert not (out / LOCK).exists()
