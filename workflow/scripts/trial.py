"""Rule trial: a short training on some groups of images, scored on validation images and on the others."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from canonuclei.errors import InputError
from canonuclei.evaluation.frames import read_table
from canonuclei.files import write_json
from canonuclei.logs import log_to
from canonuclei.models.registry import build_model
from canonuclei.nuclei.measures import describe_shape, one_closed_piece
from canonuclei.provenance import processor, revision
from canonuclei.training.batches import Batches
from canonuclei.training.loop import Interrupted, Trainer
from canonuclei.tuning.groups import VALIDATION, groups_of
from canonuclei.tuning.scoring import score_images_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    name: str,
    trial: dict[str, Any],
    about: dict[str, Any],
    hold_out: dict[str, list[str]],
    tiles: Path,
    weights: Path | None,
    distance: int,
    output: Path,
    threads: int,
    code: str,
) -> None:
    """Train the trial and write its scores.

    Args:
        name: of the trial.
        trial: of ``tuning.trials.trial_run``.
        about: ``base``, ``why``, ``change``, as the table shows them.
        hold_out: groups of images that it does not train on.
        tiles: folder of the sets of tiles.
        weights: pretrained encoder, or None.
        distance: px between the markers of +WS.
        output: JSON.
        threads: of torch and of scoring.
        code: digest of the code that trains it.
    """
    settings = trial["settings"]
    torch.set_num_threads(settings["training"]["threads"] or threads)
    torch.manual_seed(trial["seed"])
    model = build_model(trial["model"], trial["encoder"], settings, weights)
    images = {each: images_by_group(tiles / each, hold_out) for each in ("train", "val")}
    for each, groups in images.items():
        if "" not in groups:
            where = tiles / each / "tiles.csv"
            raise InputError(where, "every image is held out", "hold out less in tuning.hold_out")
    training = Batches(
        tiles / "train", settings, model.needs_instances, settings["alpha"] > 0, images=images["train"][""]
    )
    validation = Batches(tiles / "val", settings, instances=False, counts=True, images=images["val"][""])
    checkpoint = output.with_suffix(".checkpoint.safetensors")
    table = training.tiles.table.to_csv()
    told = [code, trial["model"], trial["encoder"], hold_out, training.digests(), table]
    trainer = Trainer(
        model, training, validation, settings, name, trial["seed"], checkpoint, json.dumps(told)
    )
    log = trainer.fit()
    groups = {
        VALIDATION: score_images_of(model, tiles / "val", images["val"][""], settings, distance, threads)
    }
    for group in hold_out:
        if held := images["train"].get(group):
            groups[group] = score_images_of(model, tiles / "train", held, settings, distance, threads)
    shape = describe_shape(model.shape) if trial["model"] == "canonical" else {}
    write_json(
        output,
        {
            "trial": name,
            **about,
            **{key: trial[key] for key in ("variant", "encoder", "seed")},
            "steps": trainer.total,
            "hold_out": hold_out,
            "distance": distance,
            "training_images": len(images["train"][""]),
            "groups": groups,
            "shape_whole": one_closed_piece(shape) if shape else None,
            "shape_eccentricity": round(shape["eccentricity"], 4) if shape.get("has_inside") else None,
            "log": log,
            "seconds": round(trainer.state.seconds, 1),
            "processor": processor(),
            "revision": revision(),
            "settings": settings,
        },
    )
    checkpoint.unlink(missing_ok=True)


def images_by_group(folder: Path, hold_out: dict[str, list[str]]) -> dict[str, list[str]]:
    """The images of a set by held-out group, "" those of none; in the order of the set."""
    table = read_table(folder)
    first = table.assign(group=groups_of(table, hold_out)).drop_duplicates("image_id")
    return {group: list(rows["image_id"]) for group, rows in first.groupby("group", sort=False)}


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        try:
            main(
                snakemake.wildcards.trial,
                dict(snakemake.params.trial),
                dict(snakemake.params.about),
                dict(snakemake.params.hold_out),
                Path(snakemake.input.train_table).parent.parent,
                Path(snakemake.input.weights) if snakemake.input.weights else None,
                snakemake.params.distance,
                Path(snakemake.output[0]),
                snakemake.threads,
                snakemake.params.code,
            )
        except Interrupted as stop:
            print(stop)
            raise SystemExit(143) from None
