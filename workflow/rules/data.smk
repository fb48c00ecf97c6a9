# From the published files to tiles: fetched (or simulated), checked, split, cut.
from canonuclei.data.manifest import check_present, expected_files

# Without an expected list (other data) the index is not compared with anything
with one_line_errors():
    EXPECTED = [] if FOLDER else expected_files(config["split"]["expected"])

# Code that tells what an image and its nuclei are, once read
READING = tuple(f"data/{name}.py" for name in ("archives", "images", "png_structure", "rle", "zip_files"))
# The same for images of one's own
OWN = (
    *(
        f"data/{name}.py"
        for name in ("folder", "folder_remarks", "folder_tables", "masks", "pieces", "scaling")
    ),
    *PICTURES,
)
if FOLDER:
    READING = OWN

if not (DOWNLOADED or SIMULATED or FOLDER):
    with one_line_errors():
        check_present(ARCHIVES)


# That images and masks match is said before anything runs
own_files()


localrules:
    index,
    split,
    tiles,


if DOWNLOADED:

    localrules:
        download,

    rule download:
        output:
            "resources/bbbc038/{file}",
        log:
            f"{LOGS}/download_{{file}}.log",
        wildcard_constraints:
            file=r"[^/]+\.(zip|csv)",
        # What has come is kept as <file>.part, and each attempt goes on from there
        retries: 2
        conda:
            "../../envs/python.yaml"
        params:
            source=config["source"],
        message:
            "Downloading {wildcards.file}"
        script:
            "../scripts/download.py"


if SIMULATED:

    localrules:
        simulate,

    rule simulate:
        output:
            ARCHIVES,
        log:
            f"{LOGS}/simulate.log",
        conda:
            "../../envs/python.yaml"
        params:
            settings=config["simulation"],
            code=code_digest(
                "../simulate.py",
                *(f"data/{name}.py" for name in ("simulate", "simulate_looks", "simulate_nuclei", "rle")),
            ),
        message:
            "Simulating images of nuclei"
        script:
            "../scripts/simulate.py"


rule index:
    input:
        archives=ARCHIVES,
        own=own_files,
        expected=EXPECTED,
    output:
        f"{RESULTS}/images.csv",
    log:
        f"{LOGS}/index.log",
    conda:
        "../../envs/python.yaml"
    params:
        protocol=config["split"]["protocol"],
        data=config["data"],
        code=code_digest(
            "../index.py", "data/split.py", "data/index.py", "data/manifest.py", "data/looks.py", *READING
        ),
    message:
        "Reading and checking every image and mask"
    script:
        "../scripts/index.py"


rule split:
    input:
        images=f"{RESULTS}/images.csv",
        list=split_list,
    output:
        f"{RESULTS}/split.csv",
    log:
        f"{LOGS}/split.log",
    conda:
        "../../envs/python.yaml"
    params:
        protocol="folder" if FOLDER else config["split"]["protocol"],
        code=code_digest("../split.py", "data/split.py", "data/manifest.py", "data/folder_tables.py"),
    message:
        "Splitting the images"
    script:
        "../scripts/split.py"


rule tiles:
    input:
        archives=ARCHIVES,
        own=own_files,
        # it tells the truth and the count of each of one's own images
        images=f"{RESULTS}/images.csv" if FOLDER else [],
        split=f"{RESULTS}/split.csv",
    output:
        images=f"{RESULTS}/tiles/{{set}}/images.npy",
        masks=f"{RESULTS}/tiles/{{set}}/masks.npy",
        valid=f"{RESULTS}/tiles/{{set}}/valid.npy",
        # Apart from the rest: training of the weak models does not get it
        instances=f"{RESULTS}/tiles/{{set}}/instances.npy",
        table=f"{RESULTS}/tiles/{{set}}/tiles.csv",
    log:
        f"{LOGS}/tiles_{{set}}.log",
    wildcard_constraints:
        set="train|val|test|whole",
    conda:
        "../../envs/python.yaml"
    params:
        settings=tile_settings,
        data=config["data"],
        percentiles=config["input"]["percentiles"],
        code=code_digest(
            "../tiles.py",
            *(f"data/{name}.py" for name in ("tiles", "placement", "growing", "looks", "pieces")),
            *READING,
        ),
    message:
        "Cutting tiles: {wildcards.set}"
    script:
        "../scripts/tiles.py"
