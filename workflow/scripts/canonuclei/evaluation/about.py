"""What a table must say of its data and its runs, from the config that they were made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..settings import parse_run, run_names, run_settings

# Only downloads checked against these counts (670 / 65 / 106 images) are called the paper's
PAPERS_COUNTS = "config/expected/bbbc038.yaml"


def about_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``markdown.table1_markdown`` tells of the data, the schedule and the start of every run.

    Returns:
        ``dataset``; ``own`` (images of one's own); ``simulated``; ``official`` (the paper's data and split);
        ``runs``: a list of ``run``, ``label``, ``encoder``, ``epochs``, ``tiles_per_epoch`` (None: every
        training tile), ``start`` (``imagenet`` or ``none``), ``input_size`` (px, of Mask R-CNN; else None).
    """
    # Configurations that were published before there were data sets of one's own have no such section
    own = config.get("data", {}).get("kind") == "folder"
    simulated, split = not own and config["source"] == "simulated", config["split"]
    official = split["protocol"] == "official" and split["expected"] == PAPERS_COUNTS
    return {
        "dataset": config["dataset"],
        "own": own,
        "simulated": simulated,
        "official": official and not simulated and not own,
        "runs": [_about_run(config, run) for run in run_names(config)],
    }


def _about_run(config: Mapping[str, Any], run: str) -> dict[str, Any]:
    variant, encoder, _ = parse_run(run)
    settings = run_settings(config, variant, encoder)
    rcnn = config["variants"][variant]["model"] == "maskrcnn"
    return {
        "run": run,
        "label": config["variants"][variant]["label"],
        "encoder": encoder,
        "epochs": settings["training"]["epochs"],
        "tiles_per_epoch": settings["training"]["tiles_per_epoch"],
        # there are no pretrained weights of the demo's encoder, whatever the key says
        "start": "none" if encoder == "tiny" else settings["encoder"]["weights"],
        "input_size": settings["network"].get("input_size", 256) if rcnn else None,
    }
