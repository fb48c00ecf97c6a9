# Beyond the tables: what became of every true nucleus (found, missed, split, merged), how good the parameters are as
# measurements, and of the canonical shape. The first two need instance labels, of the test images alone. Not a part
# of `all`; published with it.
FATES = f"{RESULTS}/analysis/fates"
# What else than scoring makes a fate
STUDYING = ("analysis/failures.py", "analysis/measurements.py", "analysis/study.py", *SCORING)
# What stands for a run where nothing was trained: Otsu's threshold
UNTRAINED = "references"

ANALYSIS = []
# Epochs of the runs: figures tell them, where they are not all the same
LENGTHS = [{key: run[key] for key in ("label", "encoder", "epochs")} for run in ABOUT["runs"]]

if CANONICAL_RUNS:

    rule shapes:
        input:
            expand(f"{RESULTS}/nuclei/{{run}}.shape.json", run=CANONICAL_RUNS),
        output:
            table=f"{RESULTS}/analysis/shapes.csv",
            png=f"{RESULTS}/analysis/shapes.png",
            svg=f"{RESULTS}/analysis/shapes.svg",
        log:
            f"{LOGS}/shapes.log",
        conda:
            "../../envs/torch.yaml"
        params:
            runs=LENGTHS,
            start=config["network"]["shape_radius"],
            simulated=SIMULATED,
            code=code_digest(
                "../shapes.py",
                "analysis/shapes.py",
                "evaluation/lengths.py",
                "figures/lines.py",
                "figures/shapes.py",
                *DRAWING,
                *RENDERING,
            ),
        message:
            "Telling what the canonical shape became in every run"
        script:
            "../scripts/shapes.py"

    ANALYSIS += rules.shapes.output


if FIGURE_RUNS["ours-cnt"] and not FOLDER:
    ANALYSED = FIGURE_RUNS["ours-cnt"]

    rule fates:
        input:
            TEST_TILES,
            predictions=lambda wildcards: [] if wildcards.run == UNTRAINED else prediction_files(wildcards),
            tiles=TEST_TILES[0],
            whole=f"{RESULTS}/tiles/whole/tiles.csv",
        output:
            fates=f"{FATES}/{{run}}.fates.csv.gz",
            counts=f"{FATES}/{{run}}.counts.csv.gz",
        log:
            f"{LOGS}/fates_{{run}}.log",
        wildcard_constraints:
            run="|".join(map(re.escape, [*RUNS, UNTRAINED])),
        conda:
            "../../envs/torch.yaml"
        threads: workflow.cores
        resources:
            mem_mb=growing(4000),
            runtime=growing(60),
        params:
            distance=config["evaluation"]["watershed_distance"],
            code=code_digest("../fates.py", "evaluation/references.py", *STUDYING),
        message:
            "Telling what became of every nucleus: {wildcards.run}"
        script:
            "../scripts/fates.py"

    rule failures:
        input:
            TEST_TILES,
            fates=expand(f"{FATES}/{{run}}.fates.csv.gz", run=[*RUNS, UNTRAINED]),
            counts=expand(f"{FATES}/{{run}}.counts.csv.gz", run=[*RUNS, UNTRAINED]),
            predictions=predicted_by(
                dict.fromkeys([ANALYSED, *filter(None, map(figure_run, config["variants"]))])
            ),
            tiles=TEST_TILES[0],
            whole=f"{RESULTS}/tiles/whole/tiles.csv",
        output:
            failures=f"{RESULTS}/analysis/failures.csv",
            differences=f"{RESULTS}/analysis/fate_differences.csv",
            measurements=f"{RESULTS}/analysis/measurements.csv",
            failures_png=f"{RESULTS}/analysis/failures.png",
            failures_svg=f"{RESULTS}/analysis/failures.svg",
            of_each_png=f"{RESULTS}/analysis/failures_of_each.png",
            of_each_svg=f"{RESULTS}/analysis/failures_of_each.svg",
            measurements_png=f"{RESULTS}/analysis/measurements.png",
            measurements_svg=f"{RESULTS}/analysis/measurements.svg",
        log:
            f"{LOGS}/failures.log",
        conda:
            "../../envs/torch.yaml"
        params:
            shown={
                "run": ANALYSED,
                "epochs": FIGURE_SETTINGS["training"]["epochs"],
                "approach": f"{config['variants']['ours-cnt']['label']}+P",
                "distance": config["evaluation"]["watershed_distance"],
            },
            runs=LENGTHS,
            resamples=config["evaluation"]["bootstrap"],
            seed=config["evaluation"]["seed"],
            simulated=SIMULATED,
            code=code_digest(
                "../failures.py",
                "analysis/fate_differences.py",
                "data/looks.py",
                "evaluation/bootstrap.py",
                "analysis/examples.py",
                "evaluation/references.py",
                "evaluation/aggregate.py",
                "evaluation/lengths.py",
                "figures/failures.py",
                "figures/measurements.py",
                *DRAWING,
                *STUDYING,
            ),
        message:
            "Telling where approaches fail and how good their measures are"
        script:
            "../scripts/failures.py"

    ANALYSIS += rules.failures.output


localrules:
    analysis_page,
    analysis,


rule analysis_page:
    input:
        table1=f"{RESULTS}/table1.csv",
        differences=f"{RESULTS}/differences.csv",
        differences_by_look=f"{RESULTS}/differences_by_look.csv",
        differences_by_density=f"{RESULTS}/differences_by_density.csv",
        by_density=f"{RESULTS}/table1_by_density.csv",
        readings=f"{RESULTS}/f1_mean_readings.csv",
        made=[file for file in ANALYSIS if file.endswith(".csv")],
    output:
        f"{RESULTS}/analysis/analysis.md",
    log:
        f"{LOGS}/analysis_page.log",
    conda:
        "../../envs/torch.yaml"
    params:
        dataset=config["dataset"],
        own=FOLDER,
        simulated=SIMULATED,
        code=code_digest(
            *(
                "../analysis_page.py",
                "analysis/page.py",
                "analysis/breakdown.py",
                "analysis/fate_differences.py",
                "evaluation/grids.py",
            ),
            *TABULATING,
            *STUDYING,
        ),
    message:
        "Setting the analysis beside what is claimed"
    script:
        "../scripts/analysis_page.py"


ANALYSIS += rules.analysis_page.output


rule analysis:
    input:
        ANALYSIS,
    message:
        "The analysis is in {RESULTS}/analysis"
