"""What a change between two runs makes again, and what it leaves alone: plans of the real pipeline.

Every file of the smallest demo is there, with Snakemake's own records of what made it; nothing is computed.
"""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from canonuclei.clock import check_times
from canonuclei.errors import InputError
from canonuclei.settings import OWN_KEYS, run_settings, training_settings
from small_pipeline import REPOSITORY, copy_of_the_pipeline, plan, snakemake, write_config

CONFIG = ("--configfile", "config/demo.yaml", "small.yaml")
LIBRARY = "workflow/scripts/canonuclei"
TABLES = {"tables": 1, "f1_over_iou": 1}
PICTURES = {"figure1": 1, "figure2": 1, "figure3": 1, "ellipses": 1}
PREDICTED = {"predict_nuclei": 2, "predict_masks": 3, "evaluate": 5, **TABLES, **PICTURES}
TRAINED = {"train": 5, "training_curves": 1, **PREDICTED}
CANONICAL = {**TRAINED, "train": 2, "evaluate": 2}
del CANONICAL["predict_masks"]
ONE = {**CANONICAL, "train": 1, "predict_nuclei": 1, "evaluate": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A copy in which all files are made, empty, as far as Snakemake knows."""
    folder = copy_of_the_pipeline(tmp_path_factory.mktemp("rerun") / "copy")
    write_config(folder)
    (folder / "list.csv").write_text("image_id,subset,split\n")
    summary = snakemake(folder, "--summary", *CONFIG).stdout
    files = re.findall(r"^(results/\S+)\t", summary, flags=re.M)
    assert len(files) > 40
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    touched = snakemake(folder, "--touch", "--forceall", *CONFIG)
    assert touched.returncode == 0, touched.stdout[-2000:]
    return folder


@pytest.fixture
def edited(made):
    """Edit files of the copy by a function of their text; undone after the test, with their times."""
    kept = {}

    def edit(path: str, change: Callable[[str], str]) -> None:
        file = made / path
        text, when = file.read_text(encoding="utf-8"), file.stat().st_mtime_ns
        kept[file] = text, when
        assert change(text) != text
        file.write_text(change(text), encoding="utf-8")

    yield edit
    for file, (text, when) in kept.items():
        file.write_text(text, encoding="utf-8")
        os.utime(file, ns=(when, when))


# Each case is a plan of some seconds: those that say the most are always made
QUICK = ("nothing", "a figure's tiles", "alpha", "a figure's module", "the training's script")


def cases(named: dict[str, object]) -> list:
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in named]


SETTINGS = {
    "nothing": ({}, {}),
    "a figure's tiles": ({"figures": {"tiles": [0]}}, {"figure1": 1, "figure2": 1, "ellipses": 1}),
    "the bootstrap": ({"evaluation": {"bootstrap": 20}}, TABLES),
    "alpha": ({"variants": {"ours-cnt": {"alpha": 0.02}}}, ONE),
    "prediction's threshold": ({"prediction": {"threshold": 0.6}}, PREDICTED),
    "the canonical network": ({"network": {"initial_radius": 9.0}}, CANONICAL),
    "augmentation": ({"augmentation": {"noise": 0.03}}, TRAINED),
    "the overlap of whole images' tiles": ({"tiles": {"whole_overlap": 32}}, {"tiles": 1, **PREDICTED}),
    "the split": (
        {"split": {"protocol": "stage1", "list": "list.csv"}},
        {"index": 1, "split": 1, "tiles": 4, "references": 1, **TRAINED},
    ),
    "segmenting and the benchmark": ({"segment": {"threshold": 0.6}, "benchmarks": {"repeats": 9}}, {}),
    "the order of keys": ({"training": {"compile": False, "batch_size": 2, "epochs": 1}}, {}),
}


@pytest.mark.parametrize("name", cases(SETTINGS))
def test_a_changed_setting(made, name):
    change, expected = SETTINGS[name]
    (made / "change.yaml").write_text(yaml.safe_dump(change, sort_keys=False))
    jobs, said = plan(made, *CONFIG, "change.yaml")
    assert jobs == expected
    if name == "alpha":
        assert re.findall(r"Training (\S+)", said) == ["ours-cnt_tiny_s0"]


def test_comments_and_docstrings_rerun_nothing(made, edited):
    """In modules, scripts, rules and the configuration; their times are those of now."""
    for module in ("figures/figure1", "training/loop", "models/canonical"):
        edited(f"{LIBRARY}/{module}.py", lambda text: text.replace('"""', '"""Again: ', 1) + "\n# a remark\n")
    for script in ("train", "figure1", "predict", "evaluate", "tiles"):
        edited(f"workflow/scripts/{script}.py", lambda text: "# a remark\n" + text.replace("\n\n\n", "\n\n"))
    for other in ("workflow/rules/train.smk", "config/config.yaml"):
        edited(other, lambda text: text + "\n# a remark\n")
    assert plan(made, *CONFIG)[0] == {}


CODE = {
    "a figure's module": (f"{LIBRARY}/figures/figure1.py", {"figure1": 1}),
    "a figure's script": ("workflow/scripts/figure1.py", {"figure1": 1}),
    "the training loop": (f"{LIBRARY}/training/loop.py", TRAINED),
    "the training's script": ("workflow/scripts/train.py", TRAINED),
    "the canonical network": (f"{LIBRARY}/models/compositing.py", CANONICAL),
}


@pytest.mark.parametrize("name", cases(CODE))
def test_changed_code(made, edited, name):
    """And with the clock set back: the edited file is older than all that was made."""
    path, expected = CODE[name]
    edited(path, lambda text: text + "\nCHANGED = True\n")
    os.utime(made / path, (1e9, 1e9))
    assert plan(made, *CONFIG)[0] == expected


def test_every_script_with_outputs_is_watched_by_its_content():
    """Snakemake would go by its time, and retrain for a remark, or after `git checkout`."""
    for profile in ("default", "slurm", "generic"):
        triggers = yaml.safe_load((REPOSITORY / "profiles" / profile / "config.yaml").read_text())
        assert "code" not in triggers["rerun-triggers"] and "params" in triggers["rerun-triggers"], profile
    rules = REPOSITORY / "workflow" / "rules"
    common = (rules / "common.smk").read_text()
    for file in rules.glob("*.smk"):
        for rule in re.split(r"^ *(?=(?:use )?rule )", file.read_text(), flags=re.M)[1:]:
            script = re.search(r'script:\s+"\.\./scripts/(\w+\.py)"', rule)
            # what was downloaded was checked by its content
            if script and "output:" in rule and script[1] not in ("download.py", "weights.py"):
                by_name = common if re.search(r"\bcode=\w+,", rule) else ""
                assert f'"../{script[1]}"' in rule + by_name, (file.name, rule.splitlines()[0])


def test_keys_that_a_network_does_not_take_are_not_its_trainings(repository):
    config = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    for variant, entry in config["variants"].items():
        settings = run_settings(config, variant, "resnet50")
        chosen = training_settings(settings, entry["model"])
        assert "prediction" not in chosen and chosen.keys() == settings.keys() - {"prediction"}
        for section in ("network", "loss"):
            taken = OWN_KEYS.get(entry["model"], {}).get(section, settings[section])
            assert set(chosen[section]) == set(taken) & set(settings[section])


def test_the_clock_was_set_back(made):
    """All that was made, a day from now. Told at once, with a command that mends it."""
    files = [path for path in (made / "results").rglob("*") if path.is_file()]
    kept = {path: path.stat().st_mtime_ns for path in files}
    for path, when in kept.items():
        os.utime(path, ns=(when + 86400 * 10**9,) * 2)
    try:
        run = snakemake(made, "--dry-run", *CONFIG)
        assert run.returncode == 1 and "Traceback" not in run.stdout
        told = next(line for line in run.stdout.splitlines() if line.startswith("Error: "))
        assert "is in the future" in told and "set the clock right" in told
        call = re.search(r"(find .* \+)\)$", told)[1]
        assert shlex.split(call)[1] == str(made / "results" / "small")
        subprocess.run(call, shell=True, check=True, cwd=made)
        assert plan(made, *CONFIG)[0] == {}
    finally:
        for path, when in kept.items():
            os.utime(path, ns=(when, when))


@pytest.mark.slow
def test_the_clock_was_right_again_and_files_are_from_long_ago(made):
    files = [path for path in (made / "results").rglob("*") if path.is_file()]
    kept = {path: path.stat().st_mtime_ns for path in files}
    for path, when in kept.items():
        os.utime(path, ns=(when - 20 * 365 * 86400 * 10**9,) * 2)
    try:
        assert plan(made, *CONFIG)[0] == {}
    finally:
        for path, when in kept.items():
            os.utime(path, ns=(when, when))


def test_times_from_the_future(tmp_path):
    paths = [tmp_path / name for name in ("a b", "ü", "absent")]
    for path in paths[:2]:
        path.touch()
    check_times(paths)
    os.utime(paths[0], (time.time() + 5,) * 2)  # a file server's clock
    check_times(paths)
    os.utime(paths[1], (time.time() + 3600,) * 2)
    with pytest.raises(InputError, match=r"ü: its time is in the future") as caught:
        check_times(paths)
    call = re.search(r"find .* \+", caught.value.remedy)[0]
    subprocess.run(call, shell=True, check=True)
    check_times(paths)
    os.utime(paths[1], (2.0**42,) * 2)  # as late as the file system goes
    with pytest.raises(InputError, match="in the future"):
        check_times(paths)


def test_no_duration_is_told_by_the_clock(repository):
    """It would be negative where the clock is set back meanwhile; the monotonic one never is."""
    for file in (repository / "workflow" / "scripts").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if file.name != "clock.py":
            assert not re.search(r"\btime\.time\(|total_seconds\(", text), file
