# From results/<dataset>/, which git ignores, to results/published/<dataset>/, which it keeps.


localrules:
    publish,


rule publish:
    input:
        rules.tables.output,
        [file for file in FIGURE_FILES + ANALYSIS if not file.endswith(".svg")],
        expand(f"{RESULTS}/runs/{{run}}/{{file}}", run=RUNS, file=["log.csv", "model.json"]),
        predicted_by(RUNS),
        record=f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/publish.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code={run: training_code(type("Run", (), {"run": run})) for run in RUNS},
    message:
        "Publishing the finished run"
    script:
        "../scripts/publish.py"
