# How fast and how large everything is, beside the plain way. Works on a trained run of this config, its first
# figure's; not a part of `all`.
SPEED = "results/benchmarks"


localrules:
    benchmark,
    publish_benchmarks,


if FIGURE_RUNS["ours-cnt"]:
    BENCHMARK_RUN = FIGURE_RUNS["ours-cnt"]

    rule measure_speed:
        input:
            weights=f"{RESULTS}/runs/{BENCHMARK_RUN}/model.safetensors",
            description=f"{RESULTS}/runs/{BENCHMARK_RUN}/model.json",
            tables=expand(f"{RESULTS}/tiles/{{set}}/tiles.csv", set=["train", "test"]),
            images=expand(f"{RESULTS}/tiles/{{set}}/images.npy", set=["train", "test"]),
            masks=multiext(f"{RESULTS}/tiles/train/", "masks.npy", "valid.npy"),
            # of evaluation only
            instances=f"{RESULTS}/tiles/test/instances.npy",
        output:
            benchmarks=f"{SPEED}/benchmarks.csv",
            segment=f"{SPEED}/segment.csv",
            machine=f"{SPEED}/machine.csv",
            profile=f"{SPEED}/profile.csv",
            about=f"{SPEED}/about.json",
        log:
            f"{LOGS}/measure_speed.log",
        conda:
            "../../envs/torch.yaml"
        # alone: whatever else runs would be measured too; on the processor, so that it asks for no GPU
        threads: workflow.cores
        resources:
            mem_mb=8000,
            runtime=120,
        params:
            sizes=config["benchmarks"],
            prediction=run_settings(config, *parse_run(BENCHMARK_RUN)[:2])["prediction"],
            dataset=config["dataset"],
            code=code_digest(
                "../measure_speed.py",
                *("benchmarks", "data", "evaluation", "models", "nuclei", "segmentation", "training"),
                *("inputs.py", "parallel.py", "prediction.py"),
            ),
        message:
            "Measuring time and memory, with {threads} threads"
        script:
            "../scripts/measure_speed.py"

    rule benchmark:
        input:
            **rules.measure_speed.output,
        output:
            png=f"{SPEED}/benchmarks.png",
            svg=f"{SPEED}/benchmarks.svg",
            page=f"{SPEED}/benchmarks.md",
        log:
            f"{LOGS}/benchmark.log",
        conda:
            "../../envs/python.yaml"
        params:
            code=code_digest(
                "../benchmark.py",
                "benchmarks/report.py",
                "benchmarks/targets.py",
                "data/placement.py",
                "figures/benchmarks.py",
                "figures/style.py",
                "figures/canonuclei.mplstyle",
            ),
        message:
            "Setting what was measured beside the targets"
        script:
            "../scripts/benchmark.py"

    rule publish_benchmarks:
        input:
            rules.measure_speed.output,
            f"{SPEED}/benchmarks.png",
            f"{SPEED}/benchmarks.md",
        log:
            f"{LOGS}/publish_benchmarks.log",
        conda:
            "../../envs/torch.yaml"
        params:
            published="results/published/benchmarks",
            then="`make docs` puts their table into README.md",
        message:
            "Publishing what was measured"
        script:
            "../scripts/publish_folder.py"
