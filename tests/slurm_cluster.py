"""A real Slurm of one node for tests/test_slurm.py: its start, its jobs, and what can befall them."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

START = Path(__file__).parent / "slurm" / "slurm_up.sh"
COMMANDS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "munged")
# Debian puts daemons there, which are not on everyone's path
SEARCHED = f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Job(NamedTuple):
    """A job as squeue tells of it; one that is queued again keeps its number."""

    number: str
    name: str
    state: str
    cpus: str
    memory: str
    limit: str


def missing() -> list[str]:
    """Slurm's commands that are not installed."""
    return [command for command in COMMANDS if shutil.which(command, path=SEARCHED) is None]


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A Slurm that lives in ``folder`` and is taken down at the end."""
    folder.mkdir(parents=True)
    # its output is not captured: the daemons would keep the pipe open
    with open(folder / "up.txt", "w") as told:
        started = subprocess.run(["bash", START, "up", folder], stdout=told, stderr=sys.stderr, check=False)
    try:
        assert started.returncode == 0, "Slurm did not start: see above"
        needed = dict(line.split("=", 1) for line in (folder / "up.txt").read_text().splitlines())
        # the plugin asks for it
        user = os.environ.get("USER", getpass.getuser())
        yield Cluster({**os.environ, "USER": user, **needed})
    finally:
        subprocess.run(["bash", START, "down", folder], check=False)


class Cluster:
    """What is asked of the cluster.

    Args:
        environment: with which its commands find it.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def call(self, *command: str) -> str:
        """Standard output of a command."""
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert run.returncode == 0, f"{command}: {run.stderr}"
        return run.stdout

    def jobs(self, *, running: bool = False) -> list[Job]:
        """All jobs so far, in the order of their submission, or those that run now."""
        states = "running" if running else "all"
        lines = self.call("squeue", "--noheader", f"--states={states}", "--format=%i|%k|%T|%C|%m|%l")
        found = [Job(*line.split("|")) for line in lines.splitlines()]
        return sorted(found, key=lambda job: int(job.number))

    def told(self, job: Job) -> str:
        """All that Slurm tells of a job."""
        return self.call("scontrol", "show", "job", job.number)

    def training(self, run: str) -> tuple[str, int] | None:
        """Number of the job that trains a run and the process that does it, once both are there."""
        for job in self.jobs(running=True):
            if job.name == f"rule_train_wildcards_{run}":
                process = script_process(job.number, "train.py")
                return (job.number, process) if process else None
        return None


def script_process(job: str, script: str) -> int | None:
    """Process of a job that runs a rule's script."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        is_script = b"python" in words[0] and any(word.endswith(f".{script}".encode()) for word in words)
        if is_script and f"SLURM_JOB_ID={job}".encode() in variables:
            return int(folder.name)
    return None


def stall(cluster: Cluster, job: str, process: int) -> None:
    """A node so slow that the time limit comes first: the process gets no time any more."""
    os.kill(process, signal.SIGSTOP)


def kill(cluster: Cluster, job: str, process: int) -> None:
    """Whatever kills without a word."""
    os.kill(process, signal.SIGKILL)


def requeue(cluster: Cluster, job: str, process: int) -> None:
    """What Slurm does with the jobs of a node that died, or to make room: back into the queue."""
    cluster.call("scontrol", "requeue", job)
