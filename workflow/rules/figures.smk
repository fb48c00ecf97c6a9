# From predictions, tables and logs to pictures. Figures draw what files hold; they compute no metric.
FIGURE_NAMES = ["f1_over_iou", "training_curves"]
# Pictures of our models: the two beside one another want a run of each
if FIGURE_RUNS["ours-cnt"]:
    FIGURE_NAMES += ["figure1", "ellipses"]
if all(FIGURE_RUNS.values()):
    FIGURE_NAMES += ["figure2", "figure3"]
FIGURE_FILES = expand(f"{RESULTS}/figures/{{name}}.{{kind}}", name=FIGURE_NAMES, kind=["png", "svg"])

# What every figure is drawn with
STYLING = ("figures/style.py", "figures/canonuclei.mplstyle", "words.py")
DRAWING = (*STYLING, "figures/material.py", "figures/outlines.py")
# How tiles are read, and how masks come of the table of nuclei
RENDERING = (
    "data/tiles.py",
    "data/assemble.py",
    "data/looks.py",
    "nuclei",
    "models/shape.py",
    "models/transform.py",
)


localrules:
    f1_over_iou,
    training_curves,


rule f1_over_iou:
    input:
        f"{RESULTS}/f1_curves.csv",
    output:
        png=report(
            f"{RESULTS}/figures/f1_over_iou.png",
            caption="../report/f1_over_iou.rst",
            category="Figures",
            labels={"figure": "F1 over IoU"},
        ),
        svg=f"{RESULTS}/figures/f1_over_iou.svg",
    log:
        f"{LOGS}/f1_over_iou.log",
    conda:
        "../../envs/python.yaml"
    params:
        simulated=SIMULATED,
        code=code_digest(
            "../f1_over_iou.py",
            "figures/f1_over_iou.py",
            "evaluation/grids.py",
            "evaluation/lengths.py",
            *STYLING,
        ),
    message:
        "Drawing F1 over the IoU threshold"
    script:
        "../scripts/f1_over_iou.py"


rule training_curves:
    input:
        expand(f"{RESULTS}/runs/{{run}}/log.csv", run=RUNS),
    output:
        png=report(
            f"{RESULTS}/figures/training_curves.png",
            caption="../report/training_curves.rst",
            category="Figures",
            labels={"figure": "Training curves"},
        ),
        svg=f"{RESULTS}/figures/training_curves.svg",
    log:
        f"{LOGS}/training_curves.log",
    conda:
        "../../envs/python.yaml"
    params:
        labels={name: variant["label"] for name, variant in config["variants"].items()},
        simulated=SIMULATED,
        code=code_digest("../training_curves.py", "figures/training_curves.py", "figures/lines.py", *STYLING),
    message:
        "Drawing the training curves"
    script:
        "../scripts/training_curves.py"


if FIGURE_RUNS["ours-cnt"]:
    FIGURE_SETTINGS = run_settings(config, *parse_run(FIGURE_RUNS["ours-cnt"])[:2])
    COUNTED = f"{RESULTS}/nuclei/{FIGURE_RUNS['ours-cnt']}"

    rule figure1:
        input:
            images=f"{RESULTS}/tiles/test/images.npy",
            masks=f"{RESULTS}/tiles/test/masks.npy",
            valid=f"{RESULTS}/tiles/test/valid.npy",
            table=f"{RESULTS}/tiles/test/tiles.csv",
            nuclei=multiext(COUNTED, ".csv.gz", ".shape.json"),
        output:
            png=report(
                f"{RESULTS}/figures/figure1.png",
                caption="../report/figure1.rst",
                category="Figures",
                labels={"figure": "1. The system"},
            ),
            svg=f"{RESULTS}/figures/figure1.svg",
        log:
            f"{LOGS}/figure1.log",
        conda:
            "../../envs/torch.yaml"
        params:
            tiles=config["figures"]["tiles"],
            simulated=SIMULATED,
            per_cell=FIGURE_SETTINGS["network"]["instances_per_cell"],
            stride=FIGURE_SETTINGS["network"].get("stride", 16),
            code=code_digest(
                "../figure1.py",
                "figures/figure1.py",
                "figures/canvas.py",
                "models/canonical.py",
                "models/encoders.py",
                *DRAWING,
                *RENDERING,
            ),
        message:
            "Drawing Figure 1: the system"
        script:
            "../scripts/figure1.py"

    rule ellipses:
        input:
            images=f"{RESULTS}/tiles/test/images.npy",
            masks=f"{RESULTS}/tiles/test/masks.npy",
            valid=f"{RESULTS}/tiles/test/valid.npy",
            table=f"{RESULTS}/tiles/test/tiles.csv",
            whole=f"{RESULTS}/tiles/whole/tiles.csv",
            nuclei=multiext(COUNTED, ".whole.csv.gz", ".shape.json"),
        output:
            png=report(
                f"{RESULTS}/figures/ellipses.png",
                caption="../report/ellipses.rst",
                category="Figures",
                labels={"figure": "Nuclei as ellipses"},
            ),
            svg=f"{RESULTS}/figures/ellipses.svg",
        log:
            f"{LOGS}/ellipses.log",
        conda:
            "../../envs/torch.yaml"
        params:
            tiles=config["figures"]["tiles"],
            simulated=SIMULATED,
            code=code_digest("../ellipses.py", "figures/ellipses.py", *DRAWING, *RENDERING),
        message:
            "Drawing the nuclei as ellipses"
        script:
            "../scripts/ellipses.py"


if all(FIGURE_RUNS.values()):
    OURS = f"{RESULTS}/nuclei/{FIGURE_RUNS['ours']}"
    FIGURE_EPOCHS = [
        run_settings(config, *parse_run(FIGURE_RUNS[name])[:2])["training"]["epochs"]
        for name in ("ours", "ours-cnt")
    ]

    rule figure2:
        input:
            images=f"{RESULTS}/tiles/test/images.npy",
            masks=f"{RESULTS}/tiles/test/masks.npy",
            valid=f"{RESULTS}/tiles/test/valid.npy",
            instances=f"{RESULTS}/tiles/test/instances.npy",
            table=f"{RESULTS}/tiles/test/tiles.csv",
            ours=multiext(OURS, ".csv.gz", ".shape.json"),
            counted=multiext(COUNTED, ".csv.gz", ".shape.json"),
        output:
            png=report(
                f"{RESULTS}/figures/figure2.png",
                caption="../report/figure2.rst",
                category="Figures",
                labels={"figure": "2. Instances"},
            ),
            svg=f"{RESULTS}/figures/figure2.svg",
            # for the README's first screen
            first=f"{RESULTS}/figures/figure2_first.png",
        log:
            f"{LOGS}/figure2.log",
        conda:
            "../../envs/torch.yaml"
        params:
            tiles=config["figures"]["tiles"],
            simulated=SIMULATED,
            epochs=FIGURE_EPOCHS,
            code=code_digest("../figure2.py", "figures/figure2.py", *DRAWING, *RENDERING),
        message:
            "Drawing Figure 2: instances side by side"
        script:
            "../scripts/figure2.py"

    rule figure3:
        input:
            ours=multiext(OURS, ".csv.gz", ".shape.json"),
            counted=multiext(COUNTED, ".csv.gz", ".shape.json"),
            models=expand(f"{RESULTS}/runs/{{run}}/model.json", run=FIGURE_RUNS.values()),
        output:
            png=report(
                f"{RESULTS}/figures/figure3.png",
                caption="../report/figure3.rst",
                category="Figures",
                labels={"figure": "3. Canonical shapes"},
            ),
            svg=f"{RESULTS}/figures/figure3.svg",
        log:
            f"{LOGS}/figure3.log",
        conda:
            "../../envs/torch.yaml"
        params:
            simulated=SIMULATED,
            epochs=FIGURE_EPOCHS,
            code=code_digest("../figure3.py", "figures/figure3.py", *DRAWING, *RENDERING),
        message:
            "Drawing Figure 3: the canonical shapes"
        script:
            "../scripts/figure3.py"
