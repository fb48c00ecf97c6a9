"""Damaged files, read by the rules' own scripts: one line that names the file, and nothing is written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from canonuclei.data.archives import Archive
from canonuclei.data.simulate import write_source
from canonuclei.logs import log_to
from canonuclei.segmentation.segmenter import Segmenter
from fault_outputs import ABOUT
from fault_runs import clean, predict, script, train
from faults import content
from segment_standins import coordinates

pytest_plugins = ("fault_runs",)


def flipped(data: bytes) -> bytes:
    """One bit, in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    # what a file system may leave of a file that was not brought to the disk before the power went
    "zeroed": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "flipped": flipped,
}
# Without a checksum, a flipped bit may be another value that is as good
NO_SUM = ("cut", "empty", "zeroed")


@pytest.fixture(scope="module")
def pipeline(trained, tmp_path_factory) -> Path:
    """Archives, tiles, a run with its checkpoint, predictions and scores."""
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    images = {"train": 2, "validation": 1, "test": 1}
    write_source(folder / "source", {"seed": 1, "images": images, "size": [128, 128]})
    evaluate(folder)
    # killed where it would write the weights, with all steps done
    shutil.move(folder / "run", folder / "finished")
    assert clean(train, folder, 0, "model.safetensors") < 0
    shutil.move(folder / "run" / "checkpoint.safetensors", folder / "finished")
    shutil.rmtree(folder / "run")
    shutil.move(folder / "finished", folder / "run")
    return folder


def evaluate(folder: Path) -> None:
    names = ("csv.gz", "whole.csv.gz", "shape.json", "grid32.rle.json.gz")
    files = [str(folder / "nuclei" / f"r.{name}") for name in names]
    sets = [str(folder / "tiles" / name / "tiles.csv") for name in ("test", "whole")]
    script("evaluate").main(files, *sets, 3, str(folder / "scores" / "r.csv.gz"))


def cut(folder: Path) -> None:
    with Archive(folder / "source", "stage1_train") as archive:
        found = map(archive.read, archive.ids)
        options = {"size": 128, "border": "shift", "whole_overlap": 64}
        script("tiles").main(found, "train", folder / "cut", options, [1.0, 99.8])


def tabulate(folder: Path) -> None:
    evaluation = {"bootstrap": 20, "seed": 0, "leave_out": []}
    script("tables").main([str(folder / "scores" / "r.csv.gz")], folder / "tables", ABOUT, evaluation)


def draw(folder: Path) -> None:
    run = [folder / "nuclei" / f"r.{name}" for name in ("csv.gz", "shape.json")]
    outputs = {"png": folder / "figure3.png"}
    script("figure3").main([run, run], [folder / "run" / "model.json"] * 2, outputs, True)


def draw_curves(folder: Path) -> None:
    script("training_curves").main([folder / "run" / "log.csv"], {"png": folder / "curves.png"}, {}, True)


def publish(folder: Path) -> None:
    config = {"dataset": "d", "source": "simulated", "data": {"kind": "published"}}
    files = [folder / "nuclei" / "r.csv.gz"]
    script("publish").main(files, folder, folder / "published", config, {"r": "code"})


def segment(folder: Path) -> None:
    Segmenter.load(folder / "run" / "model.safetensors")


# A file, how it is damaged, and what reads it
CASES = [
    ("source/stage1_train.zip", DAMAGES, cut),
    ("tiles/train/images.npy", ("cut", "empty"), train),
    ("tiles/train/tiles.csv", NO_SUM, train),
    ("run/checkpoint.safetensors", DAMAGES, train),
    ("run/model.safetensors", DAMAGES, predict),
    ("run/model.json", NO_SUM, predict),
    ("run/model.safetensors", DAMAGES, segment),
    ("run/model.json", NO_SUM, segment),
    ("run/model.json", NO_SUM, draw),
    ("run/log.csv", ("empty", "zeroed"), draw_curves),
    ("nuclei/r.csv.gz", DAMAGES, evaluate),
    ("nuclei/r.shape.json", NO_SUM, evaluate),
    ("nuclei/r.grid32.rle.json.gz", DAMAGES, evaluate),
    ("nuclei/r.csv.gz", DAMAGES, draw),
    ("nuclei/r.csv.gz", DAMAGES, publish),
    ("scores/r.csv.gz", DAMAGES, tabulate),
]


@pytest.mark.parametrize(
    ("file", "damage", "read"),
    [
        pytest.param(file, damage, read, id=f"{file}-{damage}-{read.__name__}")
        for file, damages, read in CASES
        for damage in damages
    ],
)
def test_a_damaged_file_is_one_line(file, damage, read, pipeline, tmp_path, capsys):
    folder = tmp_path / "all"
    shutil.copytree(pipeline, folder)
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(DAMAGES[damage](whole))
    before = content(folder)
    with pytest.raises(SystemExit) as ended, log_to(tmp_path / "rule.log"):
        read(folder)
    told = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    # of files that don't fit to one another it names both
    assert told[-1].startswith(f"Error: {(folder / file).parent}/") and told[-1].endswith(")")
    assert Path(file).name in told[-1]
    assert not [line for line in told if "Traceback" in line] and sum("Error" in line for line in told) == 1
    assert (tmp_path / "rule.log").read_text().splitlines()[-1] == told[-1]
    assert content(folder) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_after_the_remedy_training_ends_with_the_same_weights(damage, pipeline, trained, tmp_path):
    """Of a damaged checkpoint: it is deleted, as the line says, and training begins anew."""
    shutil.copytree(pipeline / "run", tmp_path / "run")
    (tmp_path / "tiles").symlink_to(pipeline / "tiles")
    (tmp_path / "run" / "model.safetensors").unlink()
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    checkpoint.write_bytes(DAMAGES[damage](checkpoint.read_bytes()))
    with pytest.raises(SystemExit), log_to(tmp_path / "train.log"):
        train(tmp_path)
    assert "delete it" in (tmp_path / "train.log").read_text()
    checkpoint.unlink()
    train(tmp_path)
    weights = [folder / "run" / "model.safetensors" for folder in (trained, tmp_path)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_pretrained_weights_with_a_flipped_bit(tmp_path, capsys):
    """The conversion's own file: no training begins from other weights than were published."""
    from canonuclei.models.encoders import build_encoder
    from canonuclei.tensor_files import save_tensors

    path = tmp_path / "tiny.safetensors"
    save_tensors(path, build_encoder("tiny").state_dict(), {"encoder": "tiny"})
    build_encoder("tiny", path)
    path.write_bytes(flipped(path.read_bytes()))
    with pytest.raises(SystemExit), log_to(tmp_path / "rule.log"):
        build_encoder("tiny", path)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith(f"Error: {path}: ") and "the rule weights" in told[0]


def test_every_flipped_bit_of_a_png_is_found(tmp_path):
    """Of an image of one's own: PNG's checksums tell, which Pillow leaves unread where the pixels are."""
    import io

    from canonuclei.data.images import decode_rgb
    from canonuclei.errors import InputError

    file = io.BytesIO()
    Image.fromarray(coordinates(40, 50)).save(file, "png")
    data, wanted = file.getvalue(), coordinates(40, 50)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 4
        try:
            found = decode_rgb(bytes(changed), "a.png")
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert (found == wanted).all(), f"byte {place} was misread"
