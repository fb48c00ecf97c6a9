# Names that the rules share, and the functions that tell a rule its inputs. No rules here.
import re
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from canonuclei.clock import check_times
from canonuclei.data.listing import listed_files, without_braces
from canonuclei.errors import InputError, one_line_errors
from canonuclei.provenance import code_digest
from canonuclei.settings import parse_run, run_names, run_settings, supervision, training_settings
from canonuclei.tuning.trials import change_of, trial_run
from canonuclei.validation import validate_config
from canonuclei.verification.restored import RESTORED, WEIGHTS, is_restored

with one_line_errors():
    validate_config(config)

RESULTS = f"results/{config['dataset']}"
LOGS = f"{RESULTS}/logs"
RUNS = run_names(config)
# Images and masks of one's own, instead of the published files
FOLDER = config["data"]["kind"] == "folder"
SIMULATED = not FOLDER and config["source"] == "simulated"
DOWNLOADED = not FOLDER and config["source"].startswith("https://")
if SIMULATED:
    SOURCE = f"{RESULTS}/source"
elif DOWNLOADED:
    SOURCE = "resources/bbbc038"
else:
    SOURCE = config["source"]
ARCHIVES = [f"{SOURCE}/{name}" for name in ("stage1_train.zip", "stage1_test.zip", "stage1_solution.csv")]
if config["split"]["protocol"] == "official":
    ARCHIVES += [f"{SOURCE}/{name}" for name in ("stage2_test_final.zip", "stage2_solution_final.csv")]
if FOLDER:
    ARCHIVES = []


wildcard_constraints:
    # of variants, whose names may have what a pattern would obey
    run="|".join(map(re.escape, RUNS)),


# Code that reads the picture files of people and other tools
PICTURES = tuple(
    f"data/{name}.py"
    for name in (
        *("images", "listing", "pixel_size", "png_structure"),
        *("reader", "tiff", "tiff_structure"),
    )
)
TRAINING_CODE = (
    "../train.py",
    "inputs.py",
    "data/tiles.py",
    *(f"training/{name}.py" for name in ("augment", "batches", "checkpoint", "device", "loop", "validate")),
    *(f"models/{name}.py" for name in ("depthwise", "encoders", "weights", "registry")),
)
# What each kind of network is made of, beside the encoder
MODEL_CODE = {
    "canonical": (
        *(f"models/{name}.py" for name in ("canonical", "compositing", "losses", "shape", "transform")),
        "models/semantic.py",
        *(f"nuclei/{name}.py" for name in ("measures", "outline", "fused")),
    ),
    "semantic": ("models/semantic.py", "models/losses.py"),
    "deeplabv3": ("models/deeplab.py", "models/semantic.py", "models/losses.py"),
    "maskrcnn": ("models/maskrcnn.py", "models/semantic.py"),
}


def growing(amount):
    """A resource of which each attempt asks more: what ran out of time or memory is tried again with more."""
    return lambda wildcards, attempt: amount * attempt


def own_files(wildcards=None):
    """Files of a data set of one's own."""
    if not FOLDER:
        return []
    with one_line_errors():
        return listed_files(config["data"])


def split_list(wildcards):
    """The list of the split, if there is one."""
    if FOLDER:
        return [config["data"]["split"]] if config["data"]["split"] else []
    return [config["split"]["list"]] if config["split"]["protocol"] == "stage1" else []


def settings_of(wildcards):
    """The settings of a run, as parameters: a change retrains it."""
    variant, encoder, _ = parse_run(wildcards.run)
    return run_settings(config, variant, encoder)


def training_settings_of(wildcards):
    """The settings that change a run's weights, and no others: days of training hang on it."""
    return training_settings(settings_of(wildcards), model_of(wildcards))


def tile_settings(wildcards):
    """How a set is cut. Only the tiles of whole images overlap: training is not made by that."""
    unused = [] if wildcards.set == "whole" else ["whole_overlap"]
    return {key: value for key, value in config["tiles"].items() if key not in unused}


def description_of(wildcards):
    """What a run is, for the files that it leaves. Not its label: a row's new name retrains nothing."""
    variant, encoder, seed = parse_run(wildcards.run)
    return {
        "run": wildcards.run,
        "variant": variant,
        "model": model_of(wildcards),
        "encoder": encoder,
        "seed": seed,
        "supervision": supervision_of(wildcards),
    }


def prediction_of(wildcards):
    """A run's settings of prediction."""
    return settings_of(wildcards)["prediction"]


def label_of(wildcards):
    """What a run's rows are called."""
    return config["variants"][parse_run(wildcards.run)[0]]["label"]


def training_code(wildcards):
    """Digest of the code that makes a run's weights: whatever changes it retrains, and nothing else."""
    return code_digest(*TRAINING_CODE, *MODEL_CODE[model_of(wildcards)])


def model_of(wildcards):
    """The kind of network of a run."""
    return config["variants"][parse_run(wildcards.run)[0]]["model"]


def supervision_of(wildcards):
    """What a run was told: masks, masks+counts or instances."""
    return supervision(model_of(wildcards), settings_of(wildcards)["alpha"])


def encoder_weights(wildcards):
    """The pretrained weights that a run starts from, if it does."""
    encoder = parse_run(wildcards.run)[1]
    pretrained = settings_of(wildcards)["encoder"]["weights"] == "imagenet" and encoder != "tiny"
    return f"resources/weights/{encoder}.safetensors" if pretrained else []


def instance_labels(wildcards):
    """Instance labels for the models that are told them; the weak ones don't get the file."""
    if supervision_of(wildcards) == "instances":
        return f"{RESULTS}/tiles/train/instances.npy"
    return []


def trial_of(wildcards):
    """What a trial trains, and with which settings."""
    with one_line_errors():
        return trial_run(config, wildcards.trial)


def about_trial(wildcards):
    """What the table says of a trial."""
    trial = config["tuning"]["trials"][wildcards.trial]
    return {"base": trial.get("base"), "why": trial["why"], "change": change_of(trial)}


def trial_weights(wildcards):
    """The pretrained weights that a trial starts from, if it does."""
    run = trial_of(wildcards)
    pretrained = run["settings"]["encoder"]["weights"] == "imagenet" and run["encoder"] != "tiny"
    return f"resources/weights/{run['encoder']}.safetensors" if pretrained else []


def trial_code(wildcards):
    """Digest of the code that makes a trial's weights."""
    return code_digest("../trial.py", *TRAINING_CODE[1:], *MODEL_CODE[trial_of(wildcards)["model"]])


def predicted_by(runs):
    """The files that hold the predictions of runs."""
    files = []
    for run in runs:
        names = ["rle.json.gz", "whole.rle.json.gz"]
        if config["variants"][parse_run(run)[0]]["model"] == "canonical":
            names = ["csv.gz", "whole.csv.gz", "shape.json", "grid32.rle.json.gz"]
        files += [f"{RESULTS}/nuclei/{run}.{name}" for name in names]
    return files


def prediction_files(wildcards):
    """The files that hold a run's predictions."""
    return predicted_by([wildcards.run])


def weights_or_restored(run):
    """A run's weights; of one that was put back by `restore`, what stands in their place."""
    folder = f"{RESULTS}/runs/{run}"
    with one_line_errors():
        return f"{folder}/{RESTORED if is_restored(folder) else WEIGHTS}"


def pretrained_encoders(wildcards=None):
    """The pretrained weights that any run starts from."""
    return sorted({file for run in RUNS if (file := encoder_weights(SimpleNamespace(run=run)))})


def figure_run(variant):
    """The run of a variant whose pictures are drawn: the configured encoder and seed, else its first."""
    wanted = f"{variant}_{config['figures']['encoder']}_s{config['figures']['seed']}"
    return next((run for run in [wanted, *RUNS] if run in RUNS and run.startswith(f"{variant}_")), None)


FIGURE_RUNS = {name: figure_run(name) for name in ("ours", "ours-cnt")}
CANONICAL_RUNS = [run for run in RUNS if config["variants"][parse_run(run)[0]]["model"] == "canonical"]
OTHER_RUNS = [run for run in RUNS if config["variants"][parse_run(run)[0]]["model"] != "canonical"]


def files_in(folder, pattern="*"):
    """The files in a folder, as inputs: a change of any runs a rule again. None without a folder; no hidden
    ones, such as a killed process leaves."""
    files = (path for path in Path(folder).glob(pattern) if not path.name.startswith("."))
    return sorted(str(path) for path in files if path.is_file())


def dated_files():
    """The files by whose times it is told what is newer: what is given, and what was made."""
    made = [path for place in (RESULTS, "resources") for path in Path(place).rglob("*")]
    return [*ARCHIVES, *own_files(), *(path for path in made if path.is_file() and "logs" not in path.parts)]


def captioned(name, label):
    """A table as the report shows it; without a label it is left out there."""
    caption = f"../report/{Path(name).stem}.rst"
    table = f"{RESULTS}/{name}"
    return report(table, caption=caption, category="Tables", labels={"table": label}) if label else table


with one_line_errors():
    without_braces([*ARCHIVES, *config["evaluation"]["labels"].values()])
    for folder in config["evaluation"]["labels"].values():
        if not Path(folder).is_dir():
            raise InputError(folder, "no such folder", "name one of label images in evaluation.labels")

if not all(FIGURE_RUNS.values()):
    missing = " and ".join(name for name, run in FIGURE_RUNS.items() if run is None)
    left = "figures 2 and 3" if FIGURE_RUNS["ours-cnt"] else "figures 1 to 3 and the ellipses"
    print(f"No run of {missing}: {left} are left out.", file=sys.stderr)


# Once, where it is planned: jobs read this file too
if workflow.is_main_process:
    with one_line_errors():
        check_times(dated_files())
