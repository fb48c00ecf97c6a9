"""``analysis.md``: what was claimed and what came out, where approaches fail, shapes, and measures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..evaluation.aggregate import in_order
from ..evaluation.bootstrap import FULL, RATIO
from ..evaluation.grids import finest
from ..evaluation.lengths import differ, with_lengths, with_lengths_of_both
from ..evaluation.markdown import PAPER, READINGS
from ..evaluation.preface import FEW_IMAGES
from ..evaluation.scores import KEYS
from ..markdown import markdown_table
from ..words import many
from .breakdown import density_parts, difference_cells, fate_parts, look_parts, whose
from .failures import FALSE, TRUE_KINDS
from .study import BY, UNMATCHED

EMPTY = "–"
PAPER_METRICS = ("iou", "dice", "f1_50", "f1_mean_10")
METRIC_NAMES = {"iou": "IoU", "f1_50": "F1@0.5"}
HEADINGS = {"look": "By look", "density": "By density", "size": "By size"}
# What an approach gives in the end, that is with its postprocessing
LAST_STEPS = ("+P", "+WS", FULL)
BEST = "Ours+L_cnt+P"
SCOPES = {"tile": "tiles", "whole": "whole images"}
DENSITY_NOTE = "nuclei to 128 × 128 px of the image"
MEASURES = {"axis_major_length": "major axis", "axis_minor_length": "minor axis", "centroid": "centre"}
UNITS = {"%": " %", "degrees": "°", "px": " px"}


def analysis_page(
    tables: Mapping[str, pd.DataFrame], dataset: str, own: bool = False, simulated: bool = False
) -> str:
    """The page.

    Args:
        tables: ``table1``, ``differences``, ``differences_by_look``, ``differences_by_density``,
            ``by_density`` (``table1_by_density``), ``readings`` (``f1_mean_readings``) and, where they could
            be made, ``failures``, ``measurements`` and ``shapes``, each with its figure beside the page, and
            ``fate_differences``.
        dataset: its name.
        own: images of a user's own, which the paper's numbers say nothing of.
        simulated: whether the images are, of which they say nothing either.
    """
    own = own or simulated
    differences = tables["differences"].assign(unlike=differ(tables["differences"]))
    differences = with_lengths_of_both(differences)
    parts = [
        f"# Analysis of {dataset}",
        *([SIMULATED_NOTE] if simulated else []),
        MADE_NOTE,
    ]
    if rows := _claims(differences, own):
        heads = ["a − b", "encoder", "seed", "metric", "difference", "95 %", *([] if own else ["paper"])]
        parts += [
            "## What is claimed, and what came out",
            textwrap.fill(
                " ".join([CLAIMS_NOTE, *_cautions(differences), *([] if own else [PAPER_NOTE])]), 104
            ),
        ]
        parts.append(markdown_table(heads, rows, 4))
    if rows := _ratios(differences):
        parts += [RATIO_NOTE if own else f"{RATIO_NOTE} {PAPER_RATIO}"]
        parts.append(markdown_table(["encoder", "scored on", "seed", "ratio", "95 %"], rows, 3))
    parts += look_parts(tables["differences_by_look"])
    parts += density_parts(tables["by_density"], tables["differences_by_density"], LAST_STEPS)
    for name, (heading, picture, note, made) in SECTIONS.items():
        if len(tables.get(name, ())):
            found = made(with_lengths(_in_order(tables[name])))
            parts += [f"## {heading}", f"![{picture}]({name}.png)", note, *found]
            if name == "failures":
                if len(tables.get("fate_differences", ())):
                    parts += fate_parts(tables["fate_differences"])
                parts += ["### Each approach at its commonest failure", EACH_NOTE, OF_EACH]
    if not own and len(tables["readings"]):
        scored = tables["readings"].merge(tables["table1"][[*KEYS, "f1_50"]], on=KEYS, how="left")
        parts += ["## Readings of the mean F1", READINGS_NOTE, _readings(with_lengths(scored))]
    return "\n\n".join(parts) + "\n"


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """As ``in_order``; shapes, which have no grid, too."""
    return in_order(table) if "grid" in table else in_order(table.assign(grid=1)).drop(columns="grid")


MADE_NOTE = """Made by `snakemake analysis`, with the configuration of this data set, from the tables beside
it and above it."""
SIMULATED_NOTE = "**Simulated images.** None of these numbers says anything about real nuclei."
CLAIMS_NOTE = """Difference a − b in points, pooled over tiles, with its 95 % interval (paired bootstrap
over the test images: it speaks of other images like these, not of other seeds). Bold: the interval
leaves out 0; the intervals are not corrected for their number, so of many comparisons with no true
difference about one in twenty would still be bold. A rival that was trained with one seed only stands
against every seed of ours. All metrics are in `../differences.csv`."""
UNLIKE_NOTE = """**Where the encoder has two numbers of epochs, the two sides were trained for different
lengths**, a's first: such a difference is of the training as well, and is not bold."""
PAPER_NOTE = """*Paper*: the same difference in its Table 1, on another test set."""
RATIO_NOTE = f"""F1@0.5 of {BEST} as a share of that of {FULL}, which is told every nucleus; intervals as
above."""
PAPER_RATIO = "The paper: 68.47 / 78.75 = 87 %."
SHAPES_NOTE = """At p(z) = 1 (`shapes.csv`). *One piece*: it has an inside and one closed
outline. Its radius, in canonical units, began at ½ and has no meaning of its own, for L can undo it; as
it can eccentricity and offset (of the centroid from the origin, in radii). Edge: from p(s) = ¾ to ¼, in
radii."""
FAILURES_NOTE = """Of the true nuclei of whole, stitched images, in %, the first that holds: found (matched
one to one at IoU ≥ 0.5), merged (one mask holds half of it and half of another), split (two and more masks
lie in it), outline (a mask lies on it at IoU ≥ 0.1, none at 0.5), missed. Of the predicted masks, in %:
unmatched (on a nucleus that another mask has, or that it fits too badly), false (on none)."""
EACH_NOTE = """The nucleus of median area among those that failed so and that no edge of the image cuts; one
run of each variant."""
OF_EACH = "![A failure of each approach](failures_of_each.png)"
MEASURES_NOTE = """Of the nuclei found in whole images, against the measures of their true masks by
`skimage.measure.regionprops`: bias (median of the signed error), median of the error's amount, r
(Pearson's). Orientation of nuclei with an eccentricity of 0.6 and more. The nuclei that an approach finds
are not those of another: one that finds the easy ones alone measures them the better."""
READINGS_NOTE = """In brackets: divided by F1@0.5, averaged as the mean is; 0.88 in the paper's good rows
(60.27 / 68.47), 1.06 in that of `Ours` on the finer grid (32.39 / 30.55)."""
MEANS = ("f1_mean_10", "f1_mean_9", "f1_mean_10_loose", "f1_mean_10_tiles")
BESIDE = {"f1_mean_10_tiles": "f1_50_tiles"}  # which F1@0.5 a mean is divided by, where not the pooled one


def _cautions(differences: pd.DataFrame) -> list[str]:
    """What the reader of the differences must know beside how they were made."""
    said, images = [], differences["images"].max()
    if differences["unlike"].any():
        said.append(UNLIKE_NOTE)
    if images < FEW_IMAGES:
        few = "one image has no interval" if images == 1 else "intervals of so few say little"
        said.append(f"**Test images: {images}**; {few}.")
    return said


def _claims(differences: pd.DataFrame, own: bool) -> list[list[str]]:
    """A row a pair: F1@0.5 where it is known, else IoU; against DeepLabV3, which has no instances, IoU."""
    tiles = differences[differences["scope"] == "tile"]
    leading = "f1_50" if (tiles["metric"] == "f1_50").any() else "iou"
    rows = []
    for row in tiles.to_dict("records"):
        metric = "iou" if row["approach_b"] == "DeepLabV3" else leading
        if row["metric"] != metric:
            continue
        cells = [f"{_side(row, 'a')} − {_side(row, 'b')}", *whose(row), METRIC_NAMES[metric]]
        cells += difference_cells(row)
        rows.append(cells if own else [*cells, _paper(row, metric)])
    return rows


def _side(row: Mapping[str, Any], side: str) -> str:
    """An approach, with its grid where that is what is compared."""
    name, grid = row[f"approach_{side}"], row[f"grid_{side}"]
    return f"{name} ({grid:.0f})" if row["approach_a"] == row["approach_b"] else name


def _paper(row: Mapping[str, Any], metric: str) -> str:
    """The difference between the paper's two rows, where it has both."""
    found = []
    for side in ("a", "b"):
        grid = row[f"grid_{side}"]
        entry = PAPER.get((row[f"approach_{side}"], None if pd.isna(grid) else int(grid)))
        found.append(entry[PAPER_METRICS.index(metric)] if entry else None)
    return EMPTY if None in found else f"{found[0] - found[1]:+.1f}"


def _ratios(differences: pd.DataFrame) -> list[list[str]]:
    """A row a seed, and where there are several their median, which alone is to be claimed."""
    own = differences[(differences["metric"] == RATIO) & (differences["approach_a"] == BEST)]
    rows = []
    for (encoder, scope), seeds in own.groupby(["encoder", "scope"], sort=False):
        for row in seeds.to_dict("records"):
            interval = f"{100 * row['low']:.0f} … {100 * row['high']:.0f} %"
            ratio = f"{100 * row['difference']:.0f} %"
            interval = EMPTY if pd.isna(row["low"]) else interval
            rows.append([encoder, SCOPES[scope], f"{row['seed']:.0f}", ratio, interval])
        if len(seeds) > 1:
            rows.append(
                [encoder, SCOPES[scope], "median", f"{100 * seeds['difference'].median():.0f} %", EMPTY]
            )
    return rows


def _shapes(shapes: pd.DataFrame) -> list[str]:
    rows = []
    for row in shapes.to_dict("records"):
        numbers = [
            row[key] for key in ("eccentricity", "offset", "equivalent_radius", "edge_width", "maximum")
        ]
        said = [_whole(row), "yes" if row["convex"] else "no"]
        cells = [EMPTY if pd.isna(number) else f"{number:.3f}" for number in numbers]
        rows.append([row["approach"], *whose(row), *said, *cells])
    heads = ["approach", "encoder", "seed", "one piece", "convex", "eccentricity", "offset", "radius", "edge"]
    return [markdown_table([*heads, "largest p(s)"], rows, 5)]


def _whole(row: Mapping[str, Any]) -> str:
    """Whether a shape is one closed piece, or why not."""
    if not row["has_inside"]:
        return "no inside"
    if not row["closed"]:
        return "not closed"
    return "yes" if row["pieces"] == 1 else many(int(row["pieces"]), "piece")


def _failures(failures: pd.DataFrame) -> list[str]:
    """Of all nuclei, every approach; by look, density and size, those that end with ``LAST_STEPS``."""
    kinds = [*TRUE_KINDS, UNMATCHED, FALSE]
    parts, failures = [], finest(failures)
    for by in BY:
        own = failures[failures["by"] == by]
        groups = list(dict.fromkeys(own["group"]))
        if by != "all" and len(groups) < 2:
            continue
        if by != "all":
            own = own[own["approach"].str.endswith(LAST_STEPS)]
            unit = {"density": f" ({DENSITY_NOTE})", "size": " (px² of the true nucleus)"}.get(by, "")
            parts.append(f"### {HEADINGS[by]}{unit}")
        rows = []
        for row in own.to_dict("records"):
            group = [] if by == "all" else [str(row["group"])]
            shares = [EMPTY if pd.isna(row[kind]) else f"{100 * row[kind]:.1f}" for kind in kinds]
            rows.append([row["approach"], *whose(row), *group, f"{row['nuclei']:,.0f}", *shares])
        heads = ["approach", "encoder", "seed", *([] if by == "all" else [by]), "nuclei", *kinds]
        parts.append(markdown_table(heads, rows, 3 if by == "all" else 4))
    return parts


def _measurements(measurements: pd.DataFrame) -> list[str]:
    rows = []
    for row in finest(measurements).to_dict("records"):
        unit = UNITS.get(row["unit"], f" {row['unit']}")
        bias, error, r = (row[key] for key in ("bias", "median_error", "correlation"))
        cells = [
            EMPTY if pd.isna(bias) else f"{bias:+.1f}{unit}",
            EMPTY if pd.isna(error) else f"{error:.1f}{unit}",
            EMPTY if pd.isna(r) else f"{r:.2f}",
        ]
        measure = MEASURES.get(row["measure"], row["measure"])
        rows.append([row["approach"], *whose(row), measure, f"{row['nuclei']:,.0f}", *cells])
    heads = ["approach", "encoder", "seed", "measure", "nuclei", "bias", "median error", "r"]
    return [markdown_table(heads, rows, 4)]


def _readings(readings: pd.DataFrame) -> str:
    rows = []
    for row in readings.to_dict("records"):
        cells = []
        for name in READINGS:
            beside = row.get(BESIDE.get(name, "f1_50"))
            share = f" ({row[name] / beside:.2f})" if beside and name in MEANS else ""
            cells.append(EMPTY if pd.isna(row[name]) else f"{100 * row[name]:.1f}{share}")
        grid = EMPTY if pd.isna(row["grid"]) else f"{row['grid']:.0f}"
        rows.append([row["approach"], *whose(row), grid, *cells])
    return markdown_table(["approach", "encoder", "seed", "grid", *READINGS.values()], rows, 4)


# Table → heading, what its figure shows, note, what is made of it
SECTIONS = {
    "shapes": (
        "What the canonical shape became",
        "Outlines and profiles of the canonical shapes",
        SHAPES_NOTE,
        _shapes,
    ),
    "failures": (
        "Where it fails",
        "Bars of what became of the nuclei, and a picture of each failure",
        FAILURES_NOTE,
        _failures,
    ),
    "measurements": (
        "Parameters as measurements",
        "Measures of the nuclei found against the true ones",
        MEASURES_NOTE,
        _measurements,
    ),
}
