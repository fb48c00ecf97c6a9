# Segmenting images of one's own: `snakemake segment --config images=<folder>`. Jobs of some images each, which a
# cluster takes at once; an image that cannot be read costs neither its job nor the others.
from functools import cache, partial

from canonuclei.segmentation.jobs import (
    OPTIONS,
    checked_output,
    images_in,
    model_files,
    planned_jobs,
    state_of,
)
from canonuclei.segmentation.places import output_of

with one_line_errors():
    SEGMENTED = checked_output(output_of(config["images"], config["segment"]["output"]))
# Asked by these rules only, for a folder of 100,000 images takes a second to list; what is wrong is one line
SEGMENT_ARGUMENTS = config["images"], config["segment"]["images_per_job"]
SEGMENT_JOBS = one_line_errors()(partial(planned_jobs, *SEGMENT_ARGUMENTS))
SEGMENT_IMAGES = one_line_errors()(partial(images_in, *SEGMENT_ARGUMENTS))
SEGMENT_MODEL = cache(
    one_line_errors()(
        partial(model_files, config["model"], {f"{RESULTS}/runs/{run}/model.safetensors" for run in RUNS})
    )
)


localrules:
    segment_counts,
    segment,


rule segment_images:
    input:
        model=lambda wildcards: SEGMENT_MODEL()[0],
        description=lambda wildcards: SEGMENT_MODEL()[1],
    output:
        # each image has a folder of its own beside; which of them come about is told in here
        table=f"{SEGMENTED}/.jobs/{{job}}.csv",
        counts=f"{SEGMENTED}/.jobs/{{job}}.counts.csv",
    log:
        f"{SEGMENTED}/.jobs/{{job}}.log",
    wildcard_constraints:
        job="[0-9a-f]{16}",
    conda:
        "../../envs/torch.yaml"
    threads: workflow.cores
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        # no input files, which Snakemake would look at one by one, and whose names could have no braces; nor does
        # it keep a parameter that depends on the input, so that 100,000 names are not read again by every plan
        images=lambda wildcards, input: SEGMENT_IMAGES(wildcards.job),
        # what it does keep: images that were replaced, also by older ones, are segmented again
        state=lambda wildcards: state_of(SEGMENT_IMAGES(wildcards.job)),
        options={name: config["segment"][name] for name in OPTIONS},
        code=code_digest(
            "../segment.py",
            "segmentation",
            "explain",
            "nuclei",
            "inputs.py",
            *(f"data/{name}.py" for name in ("looks", "placement", "source")),
            *PICTURES,
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
        tables=lambda wildcards: [f"{SEGMENTED}/.jobs/{job}.csv" for job in SEGMENT_JOBS()],
        counts=lambda wildcards: [f"{SEGMENTED}/.jobs/{job}.counts.csv" for job in SEGMENT_JOBS()],
    output:
        summary=f"{SEGMENTED}/summary.csv",
        counts=f"{SEGMENTED}/counts.csv",
    log:
        f"{SEGMENTED}/.jobs/counts.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest(
            "../segment_counts.py",
            *(f"segmentation/{name}.py" for name in ("summary", "stored", "scattered")),
        ),
    message:
        "Counting the nuclei of all images"
    script:
        "../scripts/segment_counts.py"


# Its own rule, for Snakemake removes what a failing rule made: images that failed make this one fail alone
rule segment:
    input:
        summary=rules.segment_counts.output.summary,
        counts=rules.segment_counts.output.counts,
        # it removes those with images that crashed or whose results are gone: the same command tries them again
        tables=lambda wildcards: [f"{SEGMENTED}/.jobs/{job}.csv" for job in SEGMENT_JOBS()],
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
