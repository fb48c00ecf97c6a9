"""Spoiled files are read and valid, or refused with our error; no reader hangs, crashes or misreads one.

Some hundred of each kind here; all of them (SECURITY.md has the command):

    FUZZ=800 python -m pytest tests/test_fuzz.py -m slow -s
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fuzz_child import GROUPS

HERE = Path(__file__).parent
QUICK = 60
# Of each reader, of which there are 18
MANY = int(os.environ.get("FUZZ", "800"))
PART = 400
LONGEST = 240.0  # seconds for a part, of which a file may take five


def fed(group: str, count: int, first: int, folder: Path) -> tuple[dict[str, Counter], list[str]]:
    """What became of files by reader, and what went wrong; a child that died is started again."""
    report = folder / f"{group}-{first}.jsonl"
    call = [sys.executable, HERE / "fuzz_child.py", group, str(count), str(first), report]
    faults = []
    for _ in range(20):
        try:
            done = subprocess.run(call, capture_output=True, text=True, timeout=LONGEST, cwd=HERE.parent)
            code, said = done.returncode, done.stderr[-600:]
        except subprocess.TimeoutExpired:
            code, said = "hangs", ""
        lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
        if code == 0:
            break
        assert lines and lines[-1][2] == "begun", f"{group}: {code}: {said}"
        faults.append(f"{lines[-1][0]} {lines[-1][1]}: the process died ({code}) {said}")
    found: dict[str, Counter] = {}
    for name, number, what, why in lines:
        if what != "begun":
            found.setdefault(name, Counter())[what] += 1
        if what == "fault":
            faults.append(f"{name} {number}: {why}")
    return found, faults


@pytest.mark.parametrize("group", GROUPS)
def test_spoiled_files(group, tmp_path):
    found, faults = fed(group, QUICK, 0, tmp_path)
    assert not faults, "\n".join(faults)
    assert all(sum(each.values()) >= QUICK for each in found.values())
    # else a reader that refuses everything would do
    for name, counts in found.items():
        assert counts["refused"], name


@pytest.mark.slow
@pytest.mark.skipif(
    "FUZZ" not in os.environ, reason="minutes: set FUZZ to the number of files of each reader"
)
@pytest.mark.parametrize("first", range(0, MANY, PART))
@pytest.mark.parametrize("group", GROUPS)
def test_many_spoiled_files(group, first, tmp_path):
    found, faults = fed(group, min(PART, MANY - first), first, tmp_path)
    for name, counts in found.items():
        print(
            f"\n{name}: {counts['read']} read, {counts['refused']} refused, {counts['fault']} faults", end=""
        )
    assert not faults, "\n".join(faults)
