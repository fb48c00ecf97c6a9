"""What ``table1.md`` says before its tables: which data, which schedule, what is missing and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from ..words import many

PAPER_EPOCHS = 50
FEW_IMAGES = 10
# What the rows are, for readers of results on their own images, who need not know the paper
LEGEND = {
    "Ours": "the model that was told the masks alone",
    "Ours+L_cnt": "the model that was told masks and counts",
    "+P": "the same, where an instance that lies for its most part in a bigger one is joined to it: what "
    "`canonuclei segment` does",
    "Semantic+CC": "a network that only tells nucleus from background; its nuclei are separate regions",
    "Semantic+WS": "the same network; regions are cut up by a watershed",
    "DeepLabV3": "another such network, pixels only",
    "DeepLabV3+CC": "its separate regions",
    "DeepLabV3+WS": "its regions, cut up by a watershed",
    "Otsu+WS": "no training: Otsu's threshold and a watershed",
    "Oracle mask+CC": "the true mask's separate regions: what the best mask gives where nuclei touch",
    "Oracle mask+WS": "the true mask, cut up by a watershed",
    "Oracle mask+K": "the true mask, cut up into as many pieces as there are nuclei",
    "Oracle ellipse": "every true nucleus, as an ellipse",
}


def preface(about: Mapping[str, Any]) -> list[str]:
    """Paragraphs; ``about`` as of ``markdown.table1_markdown``."""
    parts = [_data(about), _schedule(about["runs"], about["own"]), _start(about["runs"], about["own"])]
    return [*parts, *_without_labels(about)]


def legend(approaches: Collection[str]) -> list[tuple[str, str]]:
    """Row of the tables → what it is, of the approaches that are there and not a variant of the user's."""
    bare = {name.removesuffix("+P") for name in approaches}
    merged = any(name.endswith("+P") for name in approaches)
    return [(name, text) for name, text in LEGEND.items() if name in bare or (name == "+P" and merged)]


def _data(about: Mapping[str, Any]) -> str:
    """What data these are, and whether the paper's numbers may be compared with them."""
    if about["own"]:
        text = f"**Images of your own.** Test images: {about['images']}, on which nothing was trained."
        if about["images"] < FEW_IMAGES:
            text += " They are few: others of yours would give other numbers."
        return text
    if about["simulated"]:
        first = (
            "**Simulated images.** None of these numbers says anything about real nuclei, and none compares "
        )
        first += "with the paper's."
    elif about["official"]:
        first = "The paper's data and split (BBBC038: 670 training, 65 validation, 106 test images)."
    else:
        first = "**Not the paper's test set or split.** The paper's numbers stand beside ours for their "
        first += "order and distance only; the values themselves do not compare."
    return f"{first} Test images: {about['images']}."


def _without_labels(about: Mapping[str, Any]) -> list[str]:
    """Why there is no F1, or not of all images; what the count error is against."""
    number, counted = about.get("without_labels", 0), about.get("counted", 0)
    if not number:
        return []
    have = "has a binary mask" if number == 1 else "have binary masks"
    why = f"{have} and no instance labels, so no predicted nucleus can be matched with a true one"
    if number == about["images"]:
        text = f"**No F1:** the test image{'s' * (number > 1)} {why}."
    else:
        which = "this one" if number == 1 else "these"
        text = f"**F1 leaves out {number} of the {many(about['images'], 'image')}:** {which} {why}."
    if counted:
        return [f"{text} The count error of such images is against the counts given for {counted} of them, "
                "of whole images only."]  # fmt: skip
    return [f"{text} No counts were given for them either, so they have no count error."]


def _schedule(runs: Sequence[Mapping[str, Any]], own: bool) -> str:
    """How long each run was trained, the runs of one length together; shortened ones are called so."""
    lengths = _together(runs, lambda run: (run["epochs"], run["tiles_per_epoch"]))
    if not own and set(lengths) <= {(PAPER_EPOCHS, None)}:
        return f"Every run was trained for the paper's {PAPER_EPOCHS} epochs, each of all training tiles."
    told = [
        f"{many(epochs, 'epoch')} of "
        + (many(tiles, "tile") if tiles else "all training tiles")
        + f" ({_codes(names)})"
        for (epochs, tiles), names in lengths.items()
    ]
    drawn = ""
    if any(tiles for _, tiles in lengths):
        drawn = "; where a number of tiles is given, an epoch has so many, drawn anew each time"
    if own:
        return f"Training: {'; '.join(told)}{drawn}."
    short = any(epochs < PAPER_EPOCHS or tiles for epochs, tiles in lengths)
    text = "**A shortened schedule:** " if short else "**Not the paper's schedule:** "
    if short and (PAPER_EPOCHS, None) in lengths:
        text = "**Some runs are shortened:** "
    return f"{text}{'; '.join(told)}. The paper trains for {PAPER_EPOCHS} epochs{drawn}."


def _start(runs: Sequence[Mapping[str, Any]], own: bool) -> str:
    """Which encoders began from ImageNet and which from nothing, and what Mask R-CNN was shown."""
    told = []
    for start, where in (("imagenet", "from ImageNet weights"), ("none", "from scratch")):
        encoders = _together([run for run in runs if run["start"] == start], lambda run: run["encoder"])
        if encoders:
            told.append(
                f"{where}, " + ", ".join(f"{name} ({_codes(those)})" for name, those in encoders.items())
            )
    text = f"Encoders began {'; '.join(told)}." if told else ""
    if told and not own:
        text += " The paper's encoder is ResNet-50."
    for size, names in _together(runs, lambda run: run["input_size"]).items():
        if size is not None:
            text += f" Mask R-CNN saw each tile scaled to {size} px a side ({_codes(names)})."
    return text.strip()


def _together(
    runs: Iterable[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], Hashable]
) -> dict[Any, list[str]]:
    """Names of runs by what they share."""
    groups: dict[Any, list[str]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run["run"])
    return groups


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
