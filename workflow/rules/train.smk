# Training and prediction of every run of the config.


localrules:
    weights,


rule weights:
    output:
        "resources/weights/{encoder}.safetensors",
    log:
        f"{LOGS}/weights_{{encoder}}.log",
    retries: 2
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest("models/weights.py", "models/encoders.py"),
    message:
        "Fetching and converting the pretrained weights of {wildcards.encoder}"
    script:
        "../scripts/weights.py"


rule train:
    input:
        train_images=f"{RESULTS}/tiles/train/images.npy",
        train_masks=f"{RESULTS}/tiles/train/masks.npy",
        train_valid=f"{RESULTS}/tiles/train/valid.npy",
        train_table=f"{RESULTS}/tiles/train/tiles.csv",
        val_images=f"{RESULTS}/tiles/val/images.npy",
        val_masks=f"{RESULTS}/tiles/val/masks.npy",
        val_valid=f"{RESULTS}/tiles/val/valid.npy",
        val_table=f"{RESULTS}/tiles/val/tiles.csv",
        instances=instance_labels,
        weights=encoder_weights,
    output:
        weights=f"{RESULTS}/runs/{{run}}/model.safetensors",
        description=f"{RESULTS}/runs/{{run}}/model.json",
        log=f"{RESULTS}/runs/{{run}}/log.csv",
    log:
        f"{LOGS}/train_{{run}}.log",
    conda:
        "../../envs/torch.yaml"
    # all of them: two trainings that share the cores slow each other tenfold
    threads: workflow.cores
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(600),
    params:
        run=description_of,
        settings=training_settings_of,
        code=training_code,
    message:
        "Training {wildcards.run}"
    script:
        "../scripts/train.py"


rule predict_nuclei:
    input:
        weights=f"{RESULTS}/runs/{{run}}/model.safetensors",
        description=f"{RESULTS}/runs/{{run}}/model.json",
        tables=expand(f"{RESULTS}/tiles/{{set}}/tiles.csv", set=["test", "whole"]),
        images=expand(f"{RESULTS}/tiles/{{set}}/images.npy", set=["test", "whole"]),
    output:
        f"{RESULTS}/nuclei/{{run}}.csv.gz",
        f"{RESULTS}/nuclei/{{run}}.whole.csv.gz",
        f"{RESULTS}/nuclei/{{run}}.shape.json",
        f"{RESULTS}/nuclei/{{run}}.grid32.rle.json.gz",
    log:
        f"{LOGS}/predict_{{run}}.log",
    wildcard_constraints:
        run="|".join(map(re.escape, CANONICAL_RUNS)) or "none",
    conda:
        "../../envs/torch.yaml"
    threads: workflow.cores
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        prediction=prediction_of,
        label=label_of,
        code=code_digest("../predict.py", "prediction.py", "nuclei", "training/records.py"),
    message:
        "Predicting nuclei: {wildcards.run}"
    script:
        "../scripts/predict.py"


use rule predict_nuclei as predict_masks with:
    output:
        f"{RESULTS}/nuclei/{{run}}.rle.json.gz",
        f"{RESULTS}/nuclei/{{run}}.whole.rle.json.gz",
    wildcard_constraints:
        run="|".join(map(re.escape, OTHER_RUNS)) or "none",
    message:
        "Predicting masks: {wildcards.run}"
