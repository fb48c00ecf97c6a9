"""Processes that are killed, at every point where they change the disk and in the middle of a write.

A child kills itself with SIGKILL at a chosen one of its changes (`faults.killed`), so that every point
between two of them is tried, not those that a clock would happen to hit. Within a write the kernel ends it.
"""

import functools
import itertools
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from canonuclei.segmentation.batch import segment_images
from canonuclei.segmentation.outputs import FILES, settled
from canonuclei.segmentation.stored import read_segmentation
from canonuclei.segmentation.summary import write_summary
from fault_outputs import CLOCK, KINDS, ONE_BY_ONE
from fault_runs import clean, log_of, predict, train
from faults import content, ended_in_writing, killed
from segment_fixtures import standin
from segment_standins import coordinates

pytest_plugins = ("fault_runs",)


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """The older and the newer files of a kind, made once without any fault."""
    made = {}

    def of(kind: str) -> tuple[Path, Path]:
        if kind not in made:
            folder = tmp_path_factory.mktemp("whole")
            for version in (1, 2):
                KINDS[kind](folder / str(version), version)
            made[kind] = folder / "1", folder / "2"
        return made[kind]

    return of


def after_a_death(out: Path, kind: str, old: dict, new: dict) -> None:
    """Nothing is lost and nothing is half written; the same call again ends as if nothing had been."""
    if kind == "segmented image":
        settled(out / "a")
    there = {name: data for name, data in content(out).items() if "/." not in f"/{name}"}
    if kind in ONE_BY_ONE:
        assert there.keys() == old.keys()
        assert all(data in (old[name], new[name]) for name, data in there.items())
    else:
        assert there in (old, new)
    KINDS[kind](out, 2)
    assert content(out) == new, "the second run's files are others, or something was left behind"


@pytest.mark.parametrize(
    ("kind", "step"),
    # of a file each of its five points, or more; of kinds with many files some, unless it may take long
    [
        *(
            (kind, {"tables": 7, "tiles": 3, "archives": 3, "segmented image": 17}.get(kind, 1))
            for kind in KINDS
        ),
        *(pytest.param(kind, 1, marks=pytest.mark.slow) for kind in ("tables", "tiles", "segmented image")),
    ],
)
def test_killed_at_any_point_of_writing(kind, step, versions, tmp_path):
    whole, out = versions(kind), tmp_path / "out"
    old, new = map(content, whole)
    deaths = 0
    for after in itertools.count(0, step):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(whole[0], out)
        if not killed(lambda: KINDS[kind](out, 2), after):
            break
        after_a_death(out, kind, old, new)
        deaths += 1
    assert deaths * step >= 3 * len(new)


@pytest.mark.parametrize("kind", KINDS)
def test_ended_in_the_middle_of_a_write(kind, versions, tmp_path):
    whole, out = versions(kind), tmp_path / "out"
    old, new = map(content, whole)
    largest = max(map(len, new.values()))
    for size in (0, largest // 2, largest - 1):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(whole[0], out)
        assert ended_in_writing(lambda: KINDS[kind](out, 2), size)
        after_a_death(out, kind, old, new)


@pytest.mark.parametrize(
    ("among", "step"),
    [
        ("checkpoint.safetensors", 3),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("checkpoint.", "model.", "log.csv")),
    ],
)
def test_training_killed_while_it_writes(among, step, trained, tmp_path):
    """At (every) points of writing checkpoints and results: the weights are those of an undisturbed run."""
    for after in itertools.count(0, step):
        folder = tmp_path / str(after)
        folder.mkdir()
        (folder / "tiles").symlink_to(trained / "tiles")
        if clean(train, folder, after, among) == 0:
            break
        assert clean(train, folder) == 0
        weights = [each / "run" / "model.safetensors" for each in (trained, folder)]
        assert weights[0].read_bytes() == weights[1].read_bytes(), after
        pd.testing.assert_frame_equal(log_of(trained), log_of(folder))
        assert {path.name for path in (folder / "run").iterdir()} == {
            path.name for path in (trained / "run").iterdir()
        }
    assert after >= 4


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_prediction_killed_at_any_point(step, trained, tmp_path):
    wanted = content(trained / "nuclei")
    assert len(wanted) == 4
    for name in ("tiles", "run"):
        (tmp_path / name).symlink_to(trained / name)
    deaths = 0
    for after in itertools.count(0, step):
        shutil.rmtree(tmp_path / "nuclei", ignore_errors=True)
        if clean(predict, tmp_path, after) == 0:
            break
        deaths += 1
        there = {
            name: data for name, data in content(tmp_path / "nuclei").items() if not name.startswith(".")
        }
        assert all(data == wanted[name] for name, data in there.items())
        assert clean(predict, tmp_path) == 0
        assert content(tmp_path / "nuclei") == wanted
    assert deaths >= 3


def test_segmenting_a_folder_killed_at_any_point(tmp_path):
    """Every image's results are whole, the old or the new, or not there; then all are as they would be."""
    model, images = standin(), [tmp_path / f"{name}.png" for name in "ab"]
    for path in images:
        Image.fromarray(coordinates(150, 140)).save(path)

    def segment(out: Path, threshold: float) -> None:
        rows = segment_images(model, images, out, explain=False, progress=False, threshold=threshold)
        write_summary(rows, out)

    for name, threshold in (("old", 0.3), ("new", 0.6)):
        segment(tmp_path / name, threshold)
    old, new = (results(tmp_path / name) for name in ("old", "new"))
    assert old.keys() == new.keys() and old != new
    deaths = 0
    for after, beginning in zip(itertools.count(0, 11), itertools.cycle(["old", "none"])):
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        if beginning == "old":
            shutil.copytree(tmp_path / "old", out)
        if not killed(functools.partial(segment, out, 0.6), after):
            break
        deaths += 1
        for name in "ab":
            if (settled(out / name) / "metadata.json").is_file():
                assert read_segmentation(out / name).metadata["threshold"] in (0.3, 0.6)
                there = {path: data for path, data in results(out).items() if path.startswith(f"{name}/")}
                assert any(there.items() <= version.items() for version in (old, new)), after
                assert {path.split("/")[1] for path in there} == {*FILES} - {"explain.html"}
        segment(out, 0.6)
        assert results(out) == new, after
        assert not [path for path in out.rglob(".*")]
    assert deaths > 5


def results(folder: Path) -> dict[str, bytes]:
    """Files of results, without what a clock tells."""
    found = {name: data for name, data in content(folder).items() if "/." not in f"/{name}"}
    for name in found:
        if name.endswith("metadata.json"):
            told = json.loads(found[name])
            found[name] = json.dumps({key: told[key] for key in told if key not in CLOCK}).encode()
    return found


def test_what_another_process_writes_is_left_alone(tmp_path):
    """The temporary file of a process that lives is no leftover, also where both write the same file."""
    from canonuclei.files import atomic_path

    path = tmp_path / "table.csv"
    with atomic_path(path) as first:
        first.write_text("first")
        with atomic_path(path) as second:
            assert first.exists() and second != first
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first" and os.listdir(tmp_path) == ["table.csv"]
