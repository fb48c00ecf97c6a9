"""How long and with how much memory a run is planned, by its size: Snakemake's dry run of it, in a copy.

python workflow/scripts/measure_planning.py --seeds 10 100 --variants 10 100 --images 1000 10000

Not a rule. Nothing is trained and no image is opened: images are empty files. docs/scale.md has such tables.
"""

import argparse
import json
import os
import pstats
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED = ("Snakefile", "config", "envs", "profiles", "workflow")
VARIANTS = ("ours", "ours-cnt", "deeplabv3", "mask-rcnn", "semantic")


def runs_of(kind: str, number: int) -> dict[str, object]:
    """A configuration with so many runs: the five variants in many seeds, or many variants in one seed."""
    if kind == "seeds":
        per_variant = [number // 5 + (index < number % 5) for index in range(5)]
        pairs = zip(VARIANTS, per_variant, strict=True)
        return {
            "runs": [{"variant": v, "encoder": "resnet50", "seeds": list(range(n))} for v, n in pairs if n]
        }
    names = [f"v{index:05}" for index in range(number)]
    variants = {
        name: {"model": "canonical", "label": f"Variant {name}", "alpha": 0.01, "training": {"max_lr": 0.005}}
        for name in names
    }
    return {
        "variants": variants,
        "runs": [{"variant": name, "encoder": "resnet50", "seeds": [0]} for name in names],
    }


def prepared(folder: Path, kind: str, number: int) -> list[str]:
    """Copy what a run needs into a folder, with its configuration and images; the call of Snakemake."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in NEEDED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    if kind == "images":
        (folder / "images").mkdir()
        for index in range(number):
            (folder / "images" / f"plate 1 image {index:06}.tif").touch()
        settings: dict[str, object] = {"images": "images"}
    else:
        settings = runs_of(kind, number)
    # a configuration is YAML, and JSON is
    (folder / "size.yaml").write_text(json.dumps(settings))
    target = ["segment"] if kind == "images" else []
    return ["-m", "snakemake", *target, "--configfile", "size.yaml"]


def finished(folder: Path, call: list[str]) -> None:
    """Make every output, empty, and tell Snakemake that it is done."""
    summary = subprocess.run([sys.executable, *call, "--summary"], cwd=folder, capture_output=True, text=True)
    rows = [line.split("\t") for line in summary.stdout.splitlines()[1:]]
    for name in (row[0] for row in rows if len(row) > 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    subprocess.run([sys.executable, *call, "--touch"], cwd=folder, capture_output=True, check=True)


def measured(folder: Path, call: list[str]) -> dict[str, object]:
    """Plan once: jobs, seconds (of the clock, and of the processor) and the peak of memory in MB."""
    told = folder / "told.txt"
    start = time.perf_counter()
    with open(told, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, *call, "--dry-run"], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    text = told.read_text(errors="replace")
    jobs = re.search(r"^total\s+(\d+)$", text, flags=re.M)
    if status or not (jobs or "Nothing to be done" in text):
        sys.exit(f"Error: the dry run failed:\n{text[-3000:]}")
    return {
        "jobs": int(jobs[1]) if jobs else 0,
        "seconds": round(seconds, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss * 1024 / 1e6),
    }


def calls_of(folder: Path, call: list[str]) -> int:
    """How many functions are called when it is planned: as good as the same every time, unlike time."""
    profile = folder / "profile"
    command = [sys.executable, "-m", "cProfile", "-o", str(profile), *call, "--dry-run"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return pstats.Stats(str(profile)).total_calls


def sizes(chosen: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """Each kind and number that was asked for."""
    for kind in ("seeds", "variants", "images"):
        for number in getattr(chosen, kind):
            yield kind, number


def main(arguments: list[str] | None = None) -> list[dict[str, object]]:
    """Measure each size in turn and print a Markdown table; the same as rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for kind, what in (
        ("seeds", "runs of the paper's five variants"),
        ("variants", "runs of as many variants"),
        ("images", "images to segment"),
    ):
        parser.add_argument(f"--{kind}", nargs="*", type=int, default=[], metavar="N", help=what)
    parser.add_argument("--done", action="store_true", help="plan again when everything is there")
    parser.add_argument("--calls", action="store_true", help="count the functions that are called, too")
    parser.add_argument("--profile", help="a profile of Snakemake's, relative to the repository")
    chosen = parser.parse_args(arguments)
    rows: list[dict[str, object]] = []
    for kind, number in sizes(chosen):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            call = prepared(folder, kind, number)
            if chosen.profile:
                call += ["--workflow-profile", chosen.profile]
            if chosen.done:
                finished(folder, call)
            row: dict[str, object] = {"size": f"{number:,} {kind}", **measured(folder, call)}
            if chosen.calls:
                row["calls"] = calls_of(folder, call)
        if not rows:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        print(f"| {' | '.join(map(str, row.values()))} |", flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
