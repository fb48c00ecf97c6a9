"""Many images as jobs: which job has which, and what a job that is started again does."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from canonuclei.errors import InputError
from canonuclei.segmentation.batch import segment_images
from canonuclei.segmentation.done import DONE_FILE, made_of
from canonuclei.segmentation.jobs import (
    checked_output,
    images_in,
    jobs_of,
    model_files,
    planned_jobs,
    state_of,
)
from canonuclei.segmentation.places import DEFAULT_MODEL
from canonuclei.segmentation.scattered import gather, segment_job, write_job
from canonuclei.segmentation.segmenter import Segmenter
from canonuclei.segmentation.summary import failures, read_summary, write_summary
from segment_fixtures import call, standin

pytest_plugins = ("segment_fixtures",)

NAMES = [Path(f"plate {number:05}.tif") for number in range(3000)]
MADE = made_of("code", {"threshold": 0.5}, [])


@pytest.mark.parametrize("most", [1, 7, 64])
def test_every_image_is_in_one_job(most) -> None:
    jobs = jobs_of(NAMES, most)
    assert [path for job in jobs.values() for path in job] == NAMES
    assert max(map(len, jobs.values())) == most
    assert len(NAMES) / len(jobs) > 0.5 * most
    assert all(re.fullmatch("[0-9a-f]{16}", job) for job in jobs)


def test_an_image_more_or_less_changes_the_jobs_beside_it_only() -> None:
    before = jobs_of(NAMES, 64)
    for number in range(0, 3000, 300):
        more = [*NAMES[:number], Path(f"plate {number - 1:05}b.tif"), *NAMES[number:]]
        less = [*NAMES[:number], *NAMES[number + 1 :]]
        for after in (jobs_of(more, 64), jobs_of(less, 64)):
            assert sum(before.get(job) != images for job, images in after.items()) <= 6


def test_planning_opens_no_image(tmp_path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.tif").touch()
    program = """
import sys
from pathlib import Path
opened = []
sys.addaudithook(lambda event, told: opened.append(str(told[0])) if event == "open" else None)
from canonuclei.segmentation.jobs import planned_jobs, state_of
jobs = planned_jobs(sys.argv[1], 64)
assert sum(map(len, jobs.values())) == 300 and all(state_of(job) for job in jobs.values())
print([path for path in opened if path.startswith(sys.argv[1])], {"torch", "numpy"} & set(sys.modules))
"""
    library = Path(planned_jobs.__wrapped__.__code__.co_filename).parents[2]
    run = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(library)})
    assert done.stdout == "[] set()\n", done.stderr


def test_what_is_no_folder_of_images(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("")
    for place, problem in (
        (None, "images: no folder of images is named (snakemake segment --config images=<folder"),
        (tmp_path / "nofolder", "nofolder: no such folder or image (snakemake segment --config images="),
        (tmp_path / "note.txt", "note.txt: not called as a PNG or TIFF image"),
        (tmp_path / "empty", "empty: no image in this folder"),
    ):
        with pytest.raises(InputError, match=re.escape(problem)):
            planned_jobs(place and str(place), 4)
    with pytest.raises(InputError, match="braces"):
        checked_output("results/{x}")
    with pytest.raises(InputError, match="is a file"):
        checked_output(str(tmp_path / "note.txt"))


def test_images_that_came_or_went_since_planning(images) -> None:
    (job,) = planned_jobs(str(images), 64)
    assert images_in(str(images), 64, job) == [str(images / "a.png"), str(images / "c.png")]
    with pytest.raises(InputError, match="came or went"):
        images_in(str(images), 64, "0" * 16)


def test_state_of_replaced_images(tmp_path) -> None:
    image = tmp_path / "a.tif"
    image.write_bytes(b"abc")
    first = state_of([image])
    assert state_of([image]) == first
    told = image.stat()
    # an older file of the same size, as a backup brings it back
    os.utime(image, ns=(told.st_atime_ns, told.st_mtime_ns - 10**9))
    older = state_of([image])
    image.unlink()
    assert len({first, older, state_of([image])}) == 3


def test_a_model_that_is_there_is_taken_as_it_is(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_files(None)[0] == str(DEFAULT_MODEL)
    weights = "results/mylab/runs/ours_tiny_s0/model.safetensors"
    with pytest.raises(InputError, match="no such model"):
        model_files(weights)
    # the workflow may make it, by that name
    assert model_files(f"./{weights}", {weights})[0] == weights
    Path(weights).parent.mkdir(parents=True)
    Path(weights).write_bytes(b"")
    with pytest.raises(InputError, match=r"model\.json: missing"):
        model_files(weights)
    Path(weights).with_suffix(".json").write_text("{}")
    for given in (weights, str(Path(weights).parent)):
        assert model_files(given, {weights}) == [
            str(tmp_path / weights),
            str(tmp_path / weights).replace("safetensors", "json"),
        ]


def segmented(segmenter: Segmenter, images: Path, output: Path, most: int) -> None:
    """What the workflow's rules do."""
    tables, counts = [], []
    for job, paths in planned_jobs.__wrapped__(str(images), most).items():
        tables.append(output / ".jobs" / f"{job}.csv")
        counts.append(output / ".jobs" / f"{job}.counts.csv")
        rows = segment_job(segmenter, paths, output, MADE, {"explain": True})
        write_job(rows, output, tables[-1], counts[-1])
    gather(tables, counts, output)


def results(output: Path) -> dict[str, bytes]:
    """All that users see, without when it was made and how long that took."""
    found = {}
    for path in sorted(output.rglob("*")):
        if path.is_file() and ".jobs" not in path.parts and path.name != DONE_FILE:
            content = path.read_bytes()
            if path.suffix in (".json", ".html"):
                content = re.sub(rb'"made": ?"[^"]*"|"seconds": ?\{[^}]*\}', b"", content)
            found[str(path.relative_to(output))] = content
    return found


@pytest.fixture
def several(images: Path) -> Path:
    """Five images, of which one cannot be read, with names that are hard to handle."""
    for name in ("B", "d e", "ünïcode"):
        (images / f"{name}.png").write_bytes((images / "a.png").read_bytes())
    (images / "B.png").write_bytes(b"not a picture")
    return images


def test_results_do_not_depend_on_the_jobs(several, tmp_path) -> None:
    segmenter = standin()
    rows = segment_images(segmenter, sorted(several.iterdir()), tmp_path / "call", progress=False)
    write_summary(rows, tmp_path / "call")
    for most in (1, 2, 100):
        segmented(segmenter, several, tmp_path / f"{most}", most)
    expected = results(tmp_path / "call")
    assert {"summary.csv", "counts.csv", "d e/labels.tif", "ünïcode/explain.html"} <= expected.keys()
    for most in (1, 2, 100):
        assert results(tmp_path / f"{most}") == expected
    assert len(failures(read_summary([tmp_path / "2" / "summary.csv"]))) == 2


class Counting(Segmenter):
    """Segments, and tells what; killed before one of them."""

    def __init__(self, fatal: str = "") -> None:
        super().__init__(standin().model)
        self.seen, self.fatal = [], fatal

    def segment(self, image, **options):
        if Path(image).stem == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen.append(Path(image).stem)
        return super().segment(image, **options)


def again(images: Path, output: Path, made: str = MADE) -> list[str]:
    """Which images the job segments when it is run again."""
    segmenter = Counting()
    segment_job(segmenter, sorted(images.iterdir()), output, made, {"explain": False})
    return segmenter.seen


def test_a_job_that_was_killed_goes_on_where_it_ended(several, tmp_path) -> None:
    out = tmp_path / "out"
    if (child := os.fork()) == 0:
        segment_job(Counting("d e"), sorted(several.iterdir()), out, MADE, {"explain": False})
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    # as if it had been killed while it wrote
    (out / "d e" / ".partial-x").mkdir(parents=True)
    (out / "d e" / ".partial-y.json").write_text("{")
    assert again(several, out) == ["B", "d e", "ünïcode"]
    assert not list(out.glob("*/.partial-*"))
    assert again(several, out) == ["B"], "what could not be read is tried again, and nothing else"


def test_what_is_not_as_it_was_is_done_again(images, tmp_path) -> None:
    out = tmp_path / "out"
    assert again(images, out) == ["a", "c"]
    assert again(images, out, made_of("other code", {}, [])) == ["a", "c"]
    assert again(images, out) == ["a", "c"]
    assert call("rethreshold", out / "a", "--threshold", 0.4) == 0
    assert again(images, out) == ["a"]
    (out / "a" / "labels.tif").unlink()
    (out / "c" / DONE_FILE).write_text('{"made": 1')
    assert again(images, out) == ["a", "c"]
    content = bytearray((images / "c.png").read_bytes())
    (images / "c.png").write_bytes(content[:-4])
    assert again(images, out) == ["c"]
    told = json.loads((out / "a" / DONE_FILE).read_text())
    assert told["made"] == MADE and told["row"]["count"] > 0
