# Segmenting images of one's own: `snakemake segment --config images=<folder>`. Jobs of some images each, which a
# cluster takes at once; an image that cannot be read costs neither its job nor the others.
from canonuclei.segmentation.places import DEFAULT_MODEL, images_of, output_of

SEGMENTED = output_of(config["images"], config["segment"]["output"])
SEGMENT_MODEL = Path(config["model"] or DEFAULT_MODEL)
PER_JOB = config["segment"]["images_per_job"]
with one_line_errors():
    TO_SEGMENT = images_of([config["images"]]) if config["images"] else []
SEGMENT_JOBS = {
    str(number): TO_SEGMENT[start : start + PER_JOB]
    for number, start in enumerate(range(0, len(TO_SEGMENT), PER_JOB))
}
SEGMENT_SUMMARY = [f"{SEGMENTED}/summary.csv", f"{SEGMENTED}/counts.csv"] if TO_SEGMENT else []


localrules:
    segment_counts,
    segment,


rule segment_images:
    input:
        images=lambda wildcards: SEGMENT_JOBS[wildcards.job],
        model=SEGMENT_MODEL,
        description=SEGMENT_MODEL.with_suffix(".json"),
    output:
        # each image has a folder of its own beside; which of them come about is told in here
        f"{SEGMENTED}/.jobs/{{job}}.csv",
    log:
        f"{SEGMENTED}/.jobs/{{job}}.log",
    wildcard_constraints:
        job=r"\d+",
    conda:
        "../../envs/torch.yaml"
    threads: workflow.cores
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=120,
    params:
        options=config["segment"],
        code=code_digest(
            "segmentation",
            "explain",
            "nuclei",
            "inputs.py",
            *(
                f"data/{name}.py"
                for name in ("reader", "source", "tiff", "images", "pixel_size", "placement")
            ),
            *(
                f"models/{name}.py"
                for name in ("canonical", "depthwise", "encoders", "registry", "shape", "transform")
            ),
            "training/device.py",
        ),
    message:
        "Segmenting images, job {wildcards.job}"
    script:
        "../scripts/segment.py"


rule segment_counts:
    input:
        expand(f"{SEGMENTED}/.jobs/{{job}}.csv", job=SEGMENT_JOBS),
    output:
        summary=f"{SEGMENTED}/summary.csv",
        counts=f"{SEGMENTED}/counts.csv",
    log:
        f"{SEGMENTED}/.jobs/counts.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest("segmentation/summary.py", "segmentation/stored.py"),
    message:
        "Counting the nuclei of all images"
    script:
        "../scripts/segment_counts.py"


# Its own rule, for Snakemake removes what a failing rule made: images that failed make this one fail alone
rule segment:
    input:
        SEGMENT_SUMMARY,
        # it removes those with images that crashed or whose results are gone: the same command tries them again
        jobs=expand(f"{SEGMENTED}/.jobs/{{job}}.csv", job=SEGMENT_JOBS),
    log:
        f"{SEGMENTED}/.jobs/segment.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest("segmentation/summary.py"),
    message:
        "Telling what became of the images"
    script:
        "../scripts/segment_result.py"
