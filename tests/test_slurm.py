"""The pipeline through a real Slurm of one node: what befalls a job changes no result (`pytest --slurm`)."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

import slurm_cluster
from slurm_cluster import Cluster, cluster

pytestmark = pytest.mark.slurm
REPOSITORY = Path(__file__).resolve().parent.parent
# What happens to each training, in the middle of it
FATES = {
    "ours_tiny_s0": slurm_cluster.stall,
    "ours-cnt_tiny_s0": slurm_cluster.kill,
    "semantic_tiny_s0": slurm_cluster.requeue,
}
CONFIG = {
    "dataset": "slurm",
    "runs": [{"variant": run.split("_")[0], "encoder": "tiny", "seeds": [0]} for run in FATES],
    # long enough to be met in the middle
    "training": {"epochs": 8, "tiles_per_epoch": 64},
    "segment": {"images_per_job": 1, "output": "segmented", "explain": False},
}
RESULTS = Path("results") / CONFIG["dataset"]
PATIENCE = 540  # seconds


def copy_of(folder: Path) -> Path:
    ignored = shutil.ignore_patterns(".*", "results", "resources", "__pycache__", "tests")
    shutil.copytree(REPOSITORY, folder, ignore=ignored)
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def snakemake(folder: Path, *arguments: str, log: str, **more) -> subprocess.Popen:
    """Begin a run of the small demo in a copy of the repository; it tells in the log."""
    call = [sys.executable, "-m", "snakemake", *arguments]
    call += ["--configfile", "config/demo.yaml", "config/ci.yaml", "small.yaml"]
    with open(folder / log, "w") as told:
        return subprocess.Popen(call, cwd=folder, stdout=told, stderr=subprocess.STDOUT, **more)


def edited_profile(folder: Path, kind: str, **more) -> Path:
    """The repository's own profile, edited as its README says, for a node with little of everything."""
    profile = yaml.safe_load((REPOSITORY / "profiles" / kind / "config.yaml").read_text())
    rules = {rule: {"mem_mb": "2000 * attempt"} for rule in ("predict_nuclei", "predict_masks", "evaluate")}
    # the run that is stalled has a minute at first, which is the least that Slurm knows
    minutes = "(1 if wildcards.run == 'ours_tiny_s0' else 10) * attempt"
    rules["train"] = {"gpu": 1, "mem_mb": "2500 * attempt", "runtime": minutes}
    rules |= {rule: {"mem_mb": "2000 * attempt"} for rule in ("references", "segment_images")}
    for rule, resources in rules.items():
        profile["set-resources"].setdefault(rule, {}).update(resources)
    profile["default-resources"] |= {"mem_mb": "2000 * attempt"}
    profile |= {"cores": 1, "max-threads": 1, "local-cores": 1, "latency-wait": 10}
    profile |= {"seconds-between-status-checks": 3, **more}
    path = folder / "profiles" / f"edited-{kind}"
    path.mkdir()
    (path / "config.yaml").write_text(yaml.safe_dump(profile))
    return path


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if absent := slurm_cluster.missing():
        pytest.skip(
            f"NO SLURM HERE, NOTHING PROVEN: {', '.join(absent)} missing (tests/slurm/slurm_up.sh install)"
        )
    with cluster(tmp_path_factory.mktemp("slurm") / "c") as started:
        yield started


def let_fate_come(slurm: Cluster, folder: Path, run: subprocess.Popen) -> None:
    """Do to each training what is to befall it, as soon as it has a checkpoint."""
    waiting, end = dict(FATES), time.monotonic() + PATIENCE
    while waiting and time.monotonic() < end and run.poll() is None:
        for name, fate in list(waiting.items()):
            if not (folder / RESULTS / "runs" / name / "checkpoint.safetensors").exists():
                continue
            found = slurm.training(name)
            if found is not None:
                fate(slurm, *found)
                del waiting[name]
        time.sleep(0.1)
    assert not waiting, (
        f"{sorted(waiting)} never came to a checkpoint:\n{(folder / 'slurm.log').read_text()[-6000:]}"
    )


@pytest.fixture(scope="module")
def both(slurm: Cluster, tmp_path_factory) -> tuple[Path, Path]:
    """Folders of a run on this machine alone and of one through Slurm that is killed thrice."""
    top = tmp_path_factory.mktemp("runs")
    here, there = copy_of(top / "here"), copy_of(top / "there")
    profile = edited_profile(
        there, "slurm", **{"slurm-status-command": "squeue", "slurm-init-seconds-before-status-checks": 3}
    )
    undisturbed = snakemake(here, "--cores", "1", log="here.log")
    through = snakemake(there, "--workflow-profile", str(profile), log="slurm.log", env=slurm.environment)
    try:
        let_fate_come(slurm, there, through)
        for run, log in ((undisturbed, here / "here.log"), (through, there / "slurm.log")):
            assert run.wait(PATIENCE) == 0, log.read_text()[-8000:]
    finally:
        for run in (undisturbed, through):
            if run.poll() is None:
                run.terminate()
                run.wait()
    return here, there


def test_killed_trainings_go_on_and_end_in_the_same_weights(both):
    _, there = both
    for run in FATES:
        log = (there / RESULTS / "logs" / f"train_{run}.log").read_text()
        step, total = map(int, re.search(r"goes on after step (\d+) of (\d+)", log).groups())
        assert 0 < step < total, log
        weights = [folder / RESULTS / "runs" / run / "model.safetensors" for folder in both]
        assert weights[0].read_bytes() == weights[1].read_bytes(), run
        times = ["seconds", "tiles_per_second"]
        logs = [pd.read_csv(path.with_name("log.csv")).drop(columns=times) for path in weights]
        pd.testing.assert_frame_equal(*logs, check_exact=True)
        assert not (weights[1].with_name("checkpoint.safetensors")).exists()


def test_tables_nuclei_and_scores_are_the_same_files(both):
    here, there = both
    files = [
        path
        for kind in ("*.csv", "*.md", "*.csv.gz", "*.shape.json", "*.rle.json.gz")
        for path in (here / RESULTS).rglob(kind)
        if "runs" not in path.parts
    ]
    assert len(files) > 20 and here / RESULTS / "table1.csv" in files
    for path in files:
        other = there / path.relative_to(here)
        assert path.read_bytes() == other.read_bytes(), path.relative_to(here)
    assert (there / RESULTS / "figures" / "figure2.png").stat().st_size > 0


def test_each_attempt_is_a_job_that_asks_for_more(slurm: Cluster, both):
    jobs = {run: [] for run in FATES}
    for job in slurm.jobs():
        for run in FATES:
            if job.name == f"rule_train_wildcards_{run}":
                jobs[run].append(job)
    for attempts in jobs.values():
        assert all(job.cpus == "1" and "TresPerJob=gres:gpu:1\n" in slurm.told(job) for job in attempts)
        assert [job.memory for job in attempts] == ["2500M", "5000M"][: len(attempts)]
        assert attempts[-1].state == "COMPLETED"
    limited, killed, queued_again = (jobs[run] for run in FATES)
    assert [(job.state, job.limit) for job in limited] == [("TIMEOUT", "1:00"), ("COMPLETED", "2:00")]
    assert [(job.state, job.limit) for job in killed] == [("FAILED", "10:00"), ("COMPLETED", "20:00")]
    assert len(queued_again) == 1
    assert "Restarts=1 " in slurm.told(queued_again[0])
    told = (both[1] / "slurm.log").read_text()
    assert "SLURM status is: 'TIMEOUT'" in told and "SLURM status is: 'FAILED'" in told


def test_short_rules_share_jobs_and_data_rules_ask_for_none(slurm: Cluster, both):
    others = [job.name for job in slurm.jobs() if "_train_" not in job.name]
    assert len(others) == 3, others
    for words in (("score", "evaluate", "predict"), ("report", "figure", "tables"), ("references",)):
        assert sum(all(word in name for word in words) for name in others) == 1, (words, others)


def test_images_are_segmented_by_jobs_as_by_one_process(slurm: Cluster, both):
    ways = (["--cores", "1"], ["--workflow-profile", str(Path("profiles") / "edited-slurm")])
    for folder, way in zip(both, ways, strict=True):
        sample = [sys.executable, "workflow/scripts/sample_images.py", "sample", "3"]
        subprocess.run(sample, cwd=folder, check=True, capture_output=True)
        run = snakemake(
            folder,
            *["segment", "--config", "images=sample/images", *way],
            log="segment.log",
            env=slurm.environment,
        )
        assert run.wait(PATIENCE) == 0, (folder / "segment.log").read_text()[-6000:]
    jobs = [job for job in slurm.jobs() if "segment_images" in job.name]
    assert len(jobs) == 3 and {job.state for job in jobs} == {"COMPLETED"}, jobs
    files = [path for path in (both[0] / "segmented").rglob("*") if path.is_file()]
    # metadata.json tells when it was, and .done.json how long it took
    files = [
        path.relative_to(both[0]) for path in files if path.suffix != ".json" or path.name == "shape.json"
    ]
    assert Path("segmented/counts.csv") in files and len(files) >= 3 * 5
    for path in files:
        assert (both[0] / path).read_bytes() == (both[1] / path).read_bytes(), path


@pytest.mark.skipif(shutil.which("qsub") is None, reason="NO qsub HERE: profiles/generic is not proven")
def test_another_scheduler_notices_a_job_that_was_killed(slurm: Cluster, both):
    _, there = both
    scores = there / RESULTS / "scores" / "semantic_tiny_s0.csv.gz"
    before, known = scores.read_bytes(), {job.number for job in slurm.jobs()}
    scores.unlink()
    profile = edited_profile(there, "generic")
    run = snakemake(
        there,
        str(scores.relative_to(there)),
        "--workflow-profile",
        str(profile),
        log="generic.log",
        env=slurm.environment,
    )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and run.poll() is None:
        begun = [job.number for job in slurm.jobs(running=True) if job.number not in known]
        if begun:
            slurm.call("scancel", "--signal=KILL", "--full", begun[0])
            break
        time.sleep(0.5)
    assert run.wait(PATIENCE) == 0, (there / "generic.log").read_text()[-6000:]
    assert scores.read_bytes() == before
    attempts = [job for job in slurm.jobs() if job.number not in known]
    assert len(attempts) == 2 and attempts[1].state == "COMPLETED", attempts
