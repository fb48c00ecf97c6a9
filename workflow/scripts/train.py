"""Rule train: train one run; goes on from its checkpoint where there is one."""

import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from canonuclei.files import write_json
from canonuclei.locks import alone
from canonuclei.logs import log_to
from canonuclei.models.registry import build_model
from canonuclei.nuclei.measures import describe_shape, one_closed_piece
from canonuclei.provenance import processor, revision, versions
from canonuclei.training.batches import Batches
from canonuclei.training.checkpoint import FAILED
from canonuclei.training.device import precision_of
from canonuclei.training.loop import Interrupted, Trainer
from canonuclei.training.records import save_weights, write_log
from canonuclei.training.summary import describe_training
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Seconds that a training has that was told to stop: it ends its step and writes its checkpoint
STOPPING = 30.0


def main(
    run: dict[str, Any],
    settings: dict[str, Any],
    tiles: Path,
    weights: Path | None,
    folder: Path,
    threads: int,
    code: str,
) -> None:
    """Train the run and write its weights, description and log.

    Args:
        run: its ``run``, ``variant``, ``model``, ``encoder``, ``seed``, ``supervision``.
        settings: the run's settings.
        tiles: folder of the sets of tiles.
        weights: pretrained encoder, or None.
        folder: of the run.
        threads: of torch.
        code: digest of the code that makes the weights.

    Raises:
        InputError: another process trains in this folder, or the loss is no number any more.
    """
    # a cluster may take a job for dead that is not; two with different settings would mix their files
    with alone(folder, "another training", STOPPING):
        _train(run, settings, tiles, weights, folder, threads, code)


def _train(
    run: dict[str, Any],
    settings: dict[str, Any],
    tiles: Path,
    weights: Path | None,
    folder: Path,
    threads: int,
    code: str,
) -> None:
    torch.set_num_threads(settings["training"]["threads"] or threads)
    torch.manual_seed(run["seed"])
    model = build_model(run["model"], run["encoder"], settings, weights)
    counts = run["supervision"] == "masks+counts"
    training = Batches(tiles / "train", settings, instances=model.needs_instances, counts=counts)
    if counts:
        training.check_counted()
    # validation watches the count error of every model; it chooses nothing
    validation = Batches(tiles / "val", settings, instances=False, counts=True)
    checkpoint = folder / "checkpoint.safetensors"
    made_from = f"{code} {told_of(training, counts)}"
    trainer = Trainer(model, training, validation, settings, run["run"], run["seed"], checkpoint, made_from)
    log = trainer.fit()
    save_weights(folder / "model.safetensors", model)
    write_log(folder / "log.csv", log)
    more = {"shape": checked_shape(model, run["run"])} if run["model"] == "canonical" else {}
    parameters = sum(parameter.numel() for parameter in model.parameters())
    write_json(
        folder / "model.json",
        {
            **run,
            **more,
            "parameters": parameters,
            "training_tiles": len(training),
            "training_data": describe_training(training.tiles, counts),
            "steps": trainer.total,
            "seconds": round(trainer.state.seconds, 1),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "threads": torch.get_num_threads(),
            "device": str(trainer.device),
            "processor": processor(),
            "precision": precision_of(trainer.device, settings["training"]["precision"]),
            "versions": versions("torch", "torchvision", "numpy", "timm"),
            "revision": revision(),
            "code": code,
            "settings": settings,
        },
    )
    for left in (checkpoint, checkpoint.with_name(FAILED)):
        left.unlink(missing_ok=True)
    print(f"{run['run']}: trained, {many(trainer.total, 'step')} in {trainer.state.seconds:.0f} s")


def told_of(training: Batches, counts: bool) -> str:
    """What a run is told, as text: the table of its tiles, and digests of the files that it opens."""
    table = training.tiles.table if counts else training.tiles.table.drop(columns="k")
    return f"{training.digests()} {table.to_csv(index=False)}"


def checked_shape(model: torch.nn.Module, run: str) -> dict[str, Any]:
    """The learned shape's description; says so where it is not one closed piece with an inside."""
    shape = describe_shape(model.shape)
    if not one_closed_piece(shape):
        print(f"Warning: {run}: the canonical shape is not one closed piece: {shape}; try another seed")
    return shape


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        try:
            main(
                dict(snakemake.params.run),
                dict(snakemake.params.settings),
                Path(snakemake.input.train_table).parent.parent,
                Path(snakemake.input.weights) if snakemake.input.weights else None,
                Path(snakemake.output.weights).parent,
                snakemake.threads,
                snakemake.params.code,
            )
        except Interrupted as stop:
            print(stop)
            raise SystemExit(143) from None
