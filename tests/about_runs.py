"""What the tables are told of a run, as `about_config` gives it."""

RUN = {
    "run": "r",
    "label": "Ours",
    "encoder": "tiny",
    "epochs": 2,
    "tiles_per_epoch": None,
    "start": "none",
    "input_size": None,
}
