# What made the results, and whether those that are published are still what this code, configuration and data make.
from canonuclei.verification.record import config_origin

# Digests of what made tables, figures and nuclei; the files that make each kind of network's weights
RESULTS_CODE = {
    "tables": code_digest("evaluation", "data/looks.py", "markdown.py", "words.py", *SCORING),
    "figures": code_digest("figures", "models/encoders.py", *DRAWING, *RENDERING),
    "analysis": code_digest(
        "analysis",
        "figures/failures.py",
        "figures/measurements.py",
        "figures/lines.py",
        "figures/shapes.py",
        *TABULATING,
        *STUDYING,
    ),
    "prediction": code_digest("prediction.py", "nuclei", "training/records.py"),
    "training": {kind: (*TRAINING_CODE, *files) for kind, files in MODEL_CODE.items()},
}
# This configuration's results are published; their data can be looked at without a download
IS_PUBLISHED = Path(PUBLISHED, "made.json").is_file()
LOOKED_AT = IS_PUBLISHED and (SIMULATED or FOLDER or all(Path(file).is_file() for file in ARCHIVES))


localrules:
    provenance,
    verify,


rule provenance:
    input:
        ALL_TILES,
        sources=lambda wildcards: [*ARCHIVES, *own_files()],
        encoders=pretrained_encoders,
        runs=expand(f"{RESULTS}/runs/{{run}}/model.json", run=RUNS),
        # of a run that was put back, what stands in their place
        weights=lambda wildcards: [weights_or_restored(run) for run in RUNS],
        tables=rules.tables.output,
        figures=FIGURE_FILES,
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/provenance.log",
    conda:
        "../../envs/torch.yaml"
    params:
        config=config,
        origin=config_origin(workflow.config_settings, workflow.basedir),
        code=RESULTS_CODE,
        own=code_digest("../provenance.py", "verification/record.py", "provenance.py"),
    message:
        "Saying what made the results"
    script:
        "../scripts/provenance.py"


# Nothing is trained for it. It has no output that Snakemake knows: it is to look every time, and to fail
rule verify:
    input:
        ALL_TILES if LOOKED_AT else [],
        again=rules.table1_from_nuclei.output if LOOKED_AT and files_in(f"{PUBLISHED}/nuclei") else [],
    log:
        "results/verify.log",
    conda:
        "../../envs/torch.yaml"
    params:
        published="results/published",
        results=RESULTS,
        code=RESULTS_CODE,
        here=lambda wildcards, input: {
            "tiles": LOOKED_AT,
            "tables": len(input.again) > 0,
            "encoders": files_in("resources/weights", "*.safetensors"),
            "repository": workflow.basedir,
            "no_data": "its files are not at hand: --config source=<folder with the published files>",
        },
    message:
        "Looking whether the published results are of this code, configuration and data"
    script:
        "../scripts/verify.py"
