"""Figures drawn by their scripts, from a folder of results as the pipeline leaves it."""

import re
from pathlib import Path
from xml.etree import ElementTree

import ellipses
import f1_over_iou
import figure1
import figure2
import figure3
import training_curves


def draw(
    name: str, results: Path, folder: Path, simulated: bool = True, kinds=("png", "svg")
) -> dict[str, Path]:
    """Run a figure's script on ``results``."""
    outputs = {kind: folder / f"{name}.{kind}" for kind in kinds}
    tiles, nuclei = results / "tiles" / "test", results / "nuclei"
    ours, counted, whole = (
        [nuclei / f"{run}_tiny_s0{suffix}.csv.gz", nuclei / f"{run}_tiny_s0.shape.json"]
        for run, suffix in (("ours", ""), ("ours-cnt", ""), ("ours-cnt", ".whole"))
    )
    if name == "figure1":
        figure1.main(tiles, counted, outputs, None, simulated)
    elif name == "figure2":
        figure2.main(tiles, ours, counted, outputs, None, simulated)
    elif name == "figure3":
        described = [results / "runs" / f"{run}_tiny_s0" / "model.json" for run in ("ours", "ours-cnt")]
        figure3.main([ours, counted], described, outputs, simulated)
    elif name == "ellipses":
        table = results / "tiles" / "whole" / "tiles.csv"
        ellipses.main(tiles, table, whole, outputs, None, simulated)
    elif name == "f1_over_iou":
        f1_over_iou.main(results / "f1_curves.csv", outputs, simulated)
    else:
        training_curves.main(sorted((results / "runs").glob("*/log.csv")), outputs, {}, simulated)
    return outputs


def texts(svg: Path) -> str:
    """The words of an SVG, in characters that a browser's fonts have."""
    words = " ".join(ElementTree.parse(svg).getroot().itertext())
    assert not re.search("[\ue000-\uf8ff\x00-\x08]", words)
    return words
