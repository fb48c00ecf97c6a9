# From results/<dataset>/, which git ignores, to results/published/<dataset>/, which it keeps; and back.
from snakemake.io import IOFile

from canonuclei.verification.record import SETS, TILE_FILES

ALL_TILES = expand(f"{RESULTS}/tiles/{{set}}/{{file}}", set=SETS, file=TILE_FILES)


localrules:
    publish,
    restore,


rule publish:
    input:
        rules.tables.output,
        [file for file in FIGURE_FILES + ANALYSIS if not file.endswith(".svg")],
        rules.figure2.output.first if all(FIGURE_RUNS.values()) else [],
        expand(f"{RESULTS}/runs/{{run}}/{{file}}", run=RUNS, file=["log.csv", "model.json"]),
        predicted_by(RUNS),
        record=f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/publish.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code={run: training_code(SimpleNamespace(run=run)) for run in RUNS},
    message:
        "Publishing the finished run"
    script:
        "../scripts/publish.py"


# Where results/ was lost, or in a fresh clone: published runs stand beside those that are trained here, and are not
# trained again. It has no output that Snakemake knows, for what it writes are the outputs of other rules
rule restore:
    input:
        # first, so that what is put back is newer than all that it would be made from
        ALL_TILES,
        encoders=pretrained_encoders,
    log:
        f"{LOGS}/restore.log",
    conda:
        "../../envs/torch.yaml"
    params:
        published=f"results/published/{config['dataset']}",
        predictions={run: [Path(file).name for file in predicted_by([run])] for run in RUNS},
    message:
        "Putting back what is published"
    script:
        "../scripts/restore.py"


onsuccess:
    # What was put back was not made here, yet Snakemake may remember how these files were, before they were moved away:
    # by that it would train again where code has changed since
    for run in RUNS:
        if is_restored(f"{RESULTS}/runs/{run}"):
            made = [f"{RESULTS}/runs/{run}/{name}" for name in (WEIGHTS, "model.json", "log.csv")]
            for file in made + predicted_by([run]):
                workflow.persistence.cleanup_metadata(IOFile(file))
