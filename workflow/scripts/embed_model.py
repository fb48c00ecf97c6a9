"""Make the embedded default model of a finished run.

Not a rule, since it writes what git keeps:
``python workflow/scripts/embed_model.py results/<dataset>/runs/<run>``.
"""

import argparse
from pathlib import Path

import yaml

from canonuclei.embedding import embed, read_run
from canonuclei.errors import one_line_errors

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = Path(__file__).resolve().parent / "canonuclei" / "models" / "default"


def main() -> None:
    """Write ``canonuclei/models/default.safetensors``, ``.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description="Make the embedded default model of a finished run.")
    parser.add_argument("run", type=Path, help="results/<dataset>/runs/<run>; its tables go into the card")
    parser.add_argument(
        "--commit", help="of the code that trained the run, if its model.json has no revision"
    )
    parser.add_argument("--target", type=Path, default=TARGET, help="path of the three files, without suffix")
    chosen = parser.parse_args()
    defaults = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    with one_line_errors():
        described = embed(read_run(chosen.run), defaults, chosen.target, chosen.commit)
    print(f"{chosen.target}.safetensors: {described['weights']['bytes'] / 1e6:.1f} MB, {described['label']}")
    if not described["training_data"]:
        print("Warning: no tiles/train beside the run: the model cannot tell what it was trained on")
    if not described["revision"]:
        print("Warning: the run does not tell its commit: name it with --commit")


if __name__ == "__main__":
    main()
