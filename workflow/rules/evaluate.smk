# From predictions to scores, and from scores to tables.
from canonuclei.evaluation.about import about_config

# Code that makes a score: truth, masks and how they match
SCORING = ("nuclei", "models/shape.py", "models/transform.py", "data/assemble.py") + tuple(
    f"evaluation/{name}.py"
    for name in (
        "approaches",
        "frames",
        "instances",
        "matching",
        "pixels",
        "predicted",
        "scores",
        "watershed",
    )
)
TABULATING = ("data/looks.py", "markdown.py", "words.py") + tuple(
    f"evaluation/{name}.py"
    for name in (
        *("about", "aggregate", "bootstrap", "lengths", "markdown", "page", "pixels", "preface"),
        *("density", "scores", "tables"),
    )
)
TEST_TILES = multiext(f"{RESULTS}/tiles/test/", "tiles.csv", "instances.npy", "images.npy")
# What table1.md says of the data, the schedule and the start of the runs
ABOUT = about_config(config)
PUBLISHED = f"results/published/{config['dataset']}"
MADE_TABLES = {
    "table1": "table1.csv",
    "images": "table1_images.csv",
    "whole": "table1_whole.csv",
    "by_look": "table1_by_look.csv",
    "by_density": "table1_by_density.csv",
    "without": "table1_without.csv",
    "curves": "f1_curves.csv",
    "readings": "f1_mean_readings.csv",
    "differences": "differences.csv",
    "differences_by_look": "differences_by_look.csv",
    "differences_by_density": "differences_by_density.csv",
    "text": "table1.md",
    "page": "table1.html",
}
CAPTIONED = {
    "page": "All tables, beside the paper's",
    "table1": "Table 1 (tiles)",
    "images": "Means over images",
    "whole": "Whole images",
    "by_look": "By look",
    "by_density": "By nuclei in the tile",
    "without": "Without the images to leave out",
    "curves": "F1 over IoU",
    "readings": "Readings of the mean F1",
    "differences": "Differences, 95 % intervals",
    "differences_by_look": "Differences by look",
    "differences_by_density": "Differences by nuclei in the tile",
}
if not config["evaluation"]["leave_out"]:
    del CAPTIONED["without"]  # it would be an empty table
if FOLDER:
    # what binary masks cannot tell would be empty columns; the page leaves them out, and has all the rest
    CAPTIONED = {"page": "All tables", "differences": CAPTIONED["differences"]}
REPORTED = {key: captioned(name, CAPTIONED.get(key)) for key, name in MADE_TABLES.items()}


rule evaluate:
    input:
        TEST_TILES,
        predictions=prediction_files,
        tiles=TEST_TILES[0],
        whole=f"{RESULTS}/tiles/whole/tiles.csv",
        # the nuclei counted, where there are no instance labels
        images=f"{RESULTS}/images.csv",
    output:
        f"{RESULTS}/scores/{{run}}.csv.gz",
    log:
        f"{LOGS}/evaluate_{{run}}.log",
    conda:
        "../../envs/torch.yaml"
    threads: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        distance=config["evaluation"]["watershed_distance"],
        code=code_digest("../evaluate.py", *SCORING),
    message:
        "Scoring {wildcards.run}"
    script:
        "../scripts/evaluate.py"


rule references:
    input:
        TEST_TILES,
        tiles=TEST_TILES[0],
        images=f"{RESULTS}/images.csv",
    output:
        f"{RESULTS}/scores/references.csv.gz",
    log:
        f"{LOGS}/references.log",
    conda:
        "../../envs/python.yaml"
    threads: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        distance=config["evaluation"]["watershed_distance"],
        code=code_digest("../references.py", "evaluation/references.py", "evaluation/ellipses.py", *SCORING),
    message:
        "Scoring Otsu's threshold and the oracles"
    script:
        "../scripts/references.py"


rule score_labels:
    input:
        TEST_TILES,
        tiles=TEST_TILES[0],
        # each of them, for a folder is not newer when one of its images is edited in place
        images=lambda wildcards: files_in(config["evaluation"]["labels"][wildcards.name]),
        counts=f"{RESULTS}/images.csv",
    output:
        f"{RESULTS}/scores/labels/{{name}}.csv.gz",
    log:
        f"{LOGS}/score_labels_{{name}}.log",
    conda:
        "../../envs/python.yaml"
    threads: workflow.cores
    params:
        folder=lookup(within=config, dpath="evaluation/labels/{name}"),
        code=code_digest(
            "../score_labels.py",
            "evaluation/labels.py",
            *PICTURES,
            *SCORING,
        ),
    message:
        "Scoring the label images of {wildcards.name}"
    script:
        "../scripts/score_labels.py"


rule tables:
    input:
        expand(f"{RESULTS}/scores/{{run}}.csv.gz", run=RUNS),
        f"{RESULTS}/scores/references.csv.gz",
        expand(f"{RESULTS}/scores/labels/{{name}}.csv.gz", name=config["evaluation"]["labels"]),
    output:
        **REPORTED,
    log:
        f"{LOGS}/tables.log",
    conda:
        "../../envs/python.yaml"
    params:
        about=ABOUT,
        evaluation=config["evaluation"],
        code=code_digest("../tables.py", *TABULATING),
    message:
        "Making the tables"
    script:
        "../scripts/tables.py"


rule table1_from_nuclei:
    input:
        TEST_TILES,
        tiles=TEST_TILES[0],
        whole=f"{RESULTS}/tiles/whole/tiles.csv",
        images=f"{RESULTS}/images.csv",
        labels=expand(f"{RESULTS}/scores/labels/{{name}}.csv.gz", name=config["evaluation"]["labels"]),
        # None where nothing is published: the script says so in one line
        nuclei=files_in(f"{PUBLISHED}/nuclei"),
        config=files_in(PUBLISHED, "config.yaml"),
    output:
        **{key: f"{RESULTS}/from_nuclei/{name}" for key, name in MADE_TABLES.items()},
    log:
        f"{LOGS}/table1_from_nuclei.log",
    conda:
        "../../envs/torch.yaml"
    threads: workflow.cores
    params:
        published=PUBLISHED,
        about=ABOUT,
        evaluation=config["evaluation"],
        code=code_digest(
            "../table1_from_nuclei.py", "evaluation", "data/looks.py", "markdown.py", "words.py", *SCORING
        ),
    message:
        "Making the tables again from the published nuclei"
    script:
        "../scripts/table1_from_nuclei.py"
