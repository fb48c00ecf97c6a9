# Canonuclei: from the published files (or simulated ones) to every table and figure of the paper.
#   snakemake --cores 8 --use-conda                        the paper's run
#   snakemake --cores 2 --configfile config/demo.yaml      simulated nuclei, minutes
# data -> tiles -> train -> predict -> evaluate -> tables, figures, report; config/README.md has the keys.
from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/verify.smk"


rule all:
    default_target: True
    input:
        rules.tables.output,
        FIGURE_FILES,
        rules.provenance.output,
