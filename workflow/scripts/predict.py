"""Rule predict: a run's predictions, as nuclei with their shape or as run lengths."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from canonuclei.evaluation.approaches import ending_of
from canonuclei.logs import log_to
from canonuclei.models.registry import build_model
from canonuclei.nuclei.rle_file import write_rle
from canonuclei.nuclei.rows import nuclei_table
from canonuclei.nuclei.tables import write_nuclei, write_shape
from canonuclei.prediction import coarse_tiles, predict_instances, predict_masks
from canonuclei.provenance import versions
from canonuclei.runs import read_description
from canonuclei.training.batches import Batches
from canonuclei.training.records import load_weights

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

DESCRIPTION = ("run", "variant", "model", "encoder", "seed", "supervision")


def main(
    weights: Path,
    tiles: Path,
    outputs: list[Path],
    prediction: dict[str, Any],
    label: str,
    threads: int,
) -> None:
    """Predict the sets ``test`` and ``whole``.

    Args:
        weights: ``model.safetensors``, with ``model.json`` beside.
        tiles: folder of the sets of tiles.
        outputs: files of ``prediction_files``; their names end as they do there.
        prediction: the run's section of the settings.
        label: of the run's rows in the tables.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    described = read_description(weights.with_suffix(".json"))
    settings = {**described["settings"], "prediction": prediction}
    model = build_model(described["model"], described["encoder"], settings, None)
    load_weights(weights, model)
    header = {"label": label, **{key: described[key] for key in DESCRIPTION}}
    for name in ("test", "whole"):
        batches = Batches(tiles / name, settings, instances=False, counts=False, masks=False)
        # a variant's name may have dots
        run = outputs[0].name.removesuffix(f".{ending_of(outputs[0])}")
        stem = f"{run}.whole" if name == "whole" else run
        if described["model"] == "canonical":
            _write_canonical(model, batches, settings, header, outputs[0].parent, stem, name == "test")
        else:
            found = predict_masks(model, batches, settings["training"]["precision"])
            size = settings["tile_size"]
            write_rle(outputs[0].parent / f"{stem}.rle.json.gz", found, size, grid=None, **header)


def _write_canonical(model, batches, settings, header, folder: Path, stem: str, coarse: bool) -> None:
    prediction, grid = settings["prediction"], model.network["grid"]
    found = predict_instances(model, batches, settings["training"]["precision"], prediction["threshold"])
    table = nuclei_table(
        batches.tiles.table,
        found["lower"],
        found["t"],
        found["p"],
        model.shape,
        tile_size=found["mask"].shape[-1],
        keep=prediction["keep_presence"],
        threshold=prediction["threshold"],
        overlap=prediction["merge_overlap"],
    )
    write_nuclei(folder / f"{stem}.csv.gz", table)
    if not coarse:
        return
    write_shape(
        folder / f"{stem}.shape.json",
        model.shape,
        {
            **header,
            "threshold": prediction["threshold"],
            "merge_overlap": prediction["merge_overlap"],
            "keep_presence": prediction["keep_presence"],
            "tile_size": found["mask"].shape[-1],
            "normalization": settings["input"],
            "versions": versions("torch", "numpy"),
        },
    )
    tiles = coarse_tiles(batches, found, model.shape, grid, prediction["threshold"])
    write_rle(folder / f"{stem}.grid32.rle.json.gz", tiles, found["mask"].shape[-1], grid=grid, **header)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.weights),
            Path(snakemake.input.tables[0]).parent.parent,
            [Path(path) for path in snakemake.output],
            dict(snakemake.params.prediction),
            snakemake.params.label,
            snakemake.threads,
        )
