"""The rule predict's own script, on a run that was trained by its rule's."""

import shutil
from functools import partial
from pathlib import Path

from fault_runs import clean, predict

pytest_plugins = ("fault_runs",)


def test_a_run_whose_name_has_dots_is_predicted(trained, tmp_path: Path) -> None:
    """A variant may be called cnt-0.1."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    run = "cnt-0.1_tiny_s0"
    assert clean(partial(predict, run=run), tmp_path) == 0
    named = {path.name.replace("r.", f"{run}.", 1) for path in (trained / "nuclei").iterdir()}
    assert {path.name for path in (tmp_path / "nuclei").iterdir() if path.name.startswith("cnt")} == named
