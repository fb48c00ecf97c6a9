"""The profiles for clusters: what is a job, what shares one, what each asks for. Planned by dry runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
KINDS = ("slurm", "generic")
PROFILES = {kind: yaml.safe_load((REPOSITORY / f"profiles/{kind}/config.yaml").read_text()) for kind in KINDS}
DEMO = ("--configfile", "config/demo.yaml", "config/ci.yaml")


@pytest.fixture(scope="module")
def talkative(tmp_path_factory) -> Path:
    """A copy of the repository without the rules' messages: Snakemake tells a rule's resources only then."""
    folder = tmp_path_factory.mktemp("profiles") / "copy"
    ignored = shutil.ignore_patterns(".*", "results", "resources", "tests", "__pycache__")
    shutil.copytree(REPOSITORY, folder, ignore=ignored)
    for file in (folder / "workflow" / "rules").glob("*.smk"):
        file.write_text(re.sub(r"\n +message:\n +\S.*", "", file.read_text()))
    return folder


def snakemake(folder: Path, *arguments: str) -> str:
    call = [sys.executable, "-m", "snakemake", *arguments]
    run = subprocess.run(call, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    return run.stdout + run.stderr


@pytest.fixture(scope="module", params=KINDS)
def plan(request, talkative: Path) -> str:
    """The dry run of the demo under a profile."""
    return snakemake(talkative, "--workflow-profile", f"profiles/{request.param}", "--dry-run", *DEMO)


def jobs(plan: str, rule: str) -> list[str]:
    """What a plan tells of each job of a rule."""
    return re.findall(rf"^ *(rule {rule}:\n(?: +.*\n)+)", plan, flags=re.M)


def test_each_training_is_a_job_with_its_own_resources(plan):
    trainings = jobs(plan, "train")
    assert len(trainings) == 5
    for job in trainings:
        assert "threads: 8" in job
        assert re.search(r"mem_mb=8000\b", job) and re.search(r"runtime=600\b", job)
        assert re.search(r"gpu=0\b", job), "asks for a GPU unasked"


def test_data_rules_are_no_jobs():
    # a dry run does not tell; tests/test_slurm.py sees it in the queue
    rules = "".join(file.read_text() for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"))
    local = set()
    for block in re.findall(r"^ *localrules:\n((?: +\w+,\n)+)", rules, flags=re.M):
        local |= set(re.findall(r"\w+", block))
    assert {"download", "simulate", "index", "split", "tiles"} <= local


def test_short_rules_share_jobs(plan):
    groups = re.findall(r"^.*Group job (\w+) .*\n((?: {4}.*\n|\n(?= {4}))+)", plan, flags=re.M)
    assert sorted(name for name, _ in groups) == ["report", "score"]
    shared = {name: set(re.findall(r"^ {4}rule (\w+):", text, flags=re.M)) for name, text in groups}
    assert shared["score"] == {"predict_nuclei", "predict_masks", "evaluate"}
    assert shared["report"] == {"tables", "figure1", "figure2", "figure3", "ellipses"}


def test_rules_of_the_profiles_exist():
    rules = set(snakemake(REPOSITORY, "--list-rules", *DEMO).split())
    for kind, profile in PROFILES.items():
        assert {*profile["set-resources"], *profile["groups"]} <= rules, kind
        assert {*profile["group-components"]} == {*profile["groups"].values()}, kind


def test_no_rule_asks_for_a_gpu_unasked():
    for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        for block in re.split(r"^ *(?=rule \w+:)", file.read_text(), flags=re.M)[1:]:
            if "gpu=1" in block:
                rule = re.match(r"rule (\w+):", block)[1]
                assert all(profile["set-resources"][rule]["gpu"] == 0 for profile in PROFILES.values()), rule


def test_profiles_differ_in_the_scheduler_only():
    shared = [
        {key: value for key, value in profile.items() if "generic" not in key and "slurm" not in key}
        for profile in PROFILES.values()
    ]
    for profile in shared:
        profile.pop("executor")
        profile["default-resources"].pop("gpu", None)
    assert shared[0] == shared[1]


def test_cores_are_told_twice_the_same():
    for profile in PROFILES.values():
        assert profile["cores"] == profile["max-threads"]


def test_generic_scheduler_script_submits_and_tells_how_jobs_end(tmp_path):
    """With a qsub that runs the job at once and a qstat that knows none any more."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "qsub").write_text('#!/bin/bash\necho "$@" >>"$SEEN"\nbash "${@: -1}"\necho 7.host\n')
    (commands / "qstat").write_text("#!/bin/bash\nexit 1\n")
    (commands / "sleep").write_text("#!/bin/bash\n")
    for command in commands.iterdir():
        command.chmod(0o755)
    script = REPOSITORY / "profiles" / "generic" / "scheduler.sh"

    def call(*arguments: str) -> str:
        path = f"{commands}:/usr/bin:/bin"
        run = subprocess.run(
            ["bash", script, *arguments],
            cwd=tmp_path,
            env={"PATH": path, "SEEN": str(tmp_path / "seen")},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    for code, told in ((0, "success"), (3, "failed")):
        job = tmp_path / ".snakemake" / f"tmp.{code}" / "snakejob.train.1.sh"
        job.parent.mkdir(parents=True)
        job.write_text(f"exit {code}\n")
        assert call("submit", "8", "8000", "601", "1", "train", str(job)) == "7.host"
        assert call("status", "7.host") == told
        seen = (tmp_path / "seen").read_text()
        assert "nodes=1:ppn=8:gpus=1,mem=8000mb,walltime=10:01:00" in seen
        (job.parent / "snakejob.train.1.sh.end").unlink()
        assert call("status", "7.host") == "failed", "killed: it wrote no end"
        (job.parent / "number.7.host").unlink()
