# Short trials of what the paper leaves open, judged on validation images, and on whole groups of training
# images that no trial was trained on. Never on test images. Not a part of `all`.
TRIALS = f"{RESULTS}/tuning/trials"


localrules:
    tuning,
    publish_tuning,


rule trial:
    input:
        train_table=f"{RESULTS}/tiles/train/tiles.csv",
        val_table=f"{RESULTS}/tiles/val/tiles.csv",
        arrays=expand(
            f"{RESULTS}/tiles/{{set}}/{{array}}.npy",
            set=["train", "val"],
            # the labels are for scoring alone: training does not read them
            array=["images", "masks", "valid", "instances"],
        ),
        weights=trial_weights,
    output:
        f"{TRIALS}/{{trial}}.json",
    log:
        f"{LOGS}/trial_{{trial}}.log",
    wildcard_constraints:
        trial="|".join(config["tuning"]["trials"]) or "none",
    conda:
        "../../envs/torch.yaml"
    threads: workflow.cores
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        trial=trial_of,
        about=about_trial,
        hold_out=config["tuning"]["hold_out"],
        distance=config["evaluation"]["watershed_distance"],
        code=trial_code,
    message:
        "Trial {wildcards.trial}"
    script:
        "../scripts/trial.py"


rule tuning:
    input:
        expand(f"{TRIALS}/{{trial}}.json", trial=config["tuning"]["trials"]),
    output:
        table=f"{RESULTS}/tuning/tuning.csv",
        page=f"{RESULTS}/tuning/tuning.md",
    log:
        f"{LOGS}/tuning.log",
    conda:
        "../../envs/python.yaml"
    params:
        about=config["tuning"],
        code=code_digest("../tuning.py", "tuning/table.py", "markdown.py"),
    message:
        "Setting the trials beside one another"
    script:
        "../scripts/tuning.py"


rule publish_tuning:
    input:
        rules.tuning.output,
        rules.tuning.input,
    log:
        f"{LOGS}/publish_tuning.log",
    conda:
        "../../envs/torch.yaml"
    params:
        published=f"results/published/{config['dataset']}-tuning",
        then="look at them, then commit them",
    message:
        "Publishing the log of the trials"
    script:
        "../scripts/publish_folder.py"
