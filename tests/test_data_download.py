"""Downloads from a server on this machine that can be told to misbehave."""

import http.server
import io
import socket
import threading
import zipfile

import numpy as np
import pytest

from canonuclei.data.download import check_archive, check_solution, content_check, download
from canonuclei.errors import InputError

CONTENT = np.random.default_rng(0).bytes(300_000)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.content``; ``server.plan`` has a behaviour for each request, then good ones."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        behaviour = server.plan.pop(0) if server.plan else "good"
        if behaviour in (404, 503):
            self.send_error(behaviour)
        elif behaviour == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/file")
            self.end_headers()
        elif behaviour == "page":
            self.reply(200, b"<html>please log in</html>", {"Content-Type": "text/html; charset=utf-8"})
        elif behaviour == "unnamed page":
            self.reply(200, b"\n <!DOCTYPE html>", {})
        else:
            self.serve(behaviour)

    def serve(self, behaviour):
        content, begin = self.server.content, 0
        asked = self.headers.get("Range")
        if asked and behaviour != "no ranges":
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            if begin >= len(content):
                self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            begin = 0 if behaviour == "wrong range" else begin
        headers = {"Content-Type": "application/zip", "Content-Length": str(len(content) - begin)}
        if asked and behaviour != "no ranges":
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        body = content[begin:]
        status = 206 if "Content-Range" in headers else 200
        self.reply(status, body[: len(body) // 2] if behaviour == "cut" else body, headers)

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.plan, running.ranges, running.content = [], [], CONTENT
        running.address = f"http://127.0.0.1:{running.server_port}/file.zip"
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


def is_content(path):
    if path.read_bytes() != CONTENT:
        raise InputError(path, "other content", "")


def fetch(server, path, check=is_content, attempts=4):
    download(server.address, path, check, attempts=attempts, wait=0.01, timeout=5)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_whole(server, tmp_path):
    fetch(server, tmp_path / "new" / "file.zip")
    assert (tmp_path / "new" / "file.zip").read_bytes() == CONTENT and files(tmp_path / "new") == ["file.zip"]


@pytest.mark.parametrize(
    ("plan", "ranges"),
    [
        (["cut"], [None, "bytes=150000-"]),
        (["cut", "cut", "cut"], [None, "bytes=150000-", "bytes=225000-", "bytes=262500-"]),
        ([503, "cut"], [None, None, "bytes=150000-"]),
        (["cut", "no ranges"], [None, "bytes=150000-"]),
        (["cut", "wrong range"], [None, "bytes=150000-", None]),
    ],
    ids=["resumed", "thrice", "busy", "ranges ignored", "wrong range"],
)
def test_goes_on(server, tmp_path, plan, ranges):
    server.plan = plan
    fetch(server, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT and files(tmp_path) == ["file.zip"]
    assert server.ranges == ranges


def test_cut_off_for_good_keeps_the_part_for_the_next_run(server, tmp_path):
    server.plan = ["cut", "cut"]
    with pytest.raises(InputError, match="cut off after 225000 of 300000 bytes, 2 attempts"):
        fetch(server, tmp_path / "file.zip", attempts=2)
    assert files(tmp_path) == ["file.zip.part"]
    fetch(server, tmp_path / "file.zip")
    assert server.ranges[-1] == "bytes=225000-" and files(tmp_path) == ["file.zip"]


def test_part_that_was_whole_already(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    fetch(server, tmp_path / "file.zip")
    assert len(server.ranges) == 1 and (tmp_path / "file.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("stale", [b"other" * 1000, b"other" * 100_000], ids=["shorter", "longer"])
def test_part_of_another_file_is_fetched_anew(server, tmp_path, stale):
    (tmp_path / "file.zip.part").write_bytes(stale)
    fetch(server, tmp_path / "file.zip")
    assert files(tmp_path) == ["file.zip"] and (tmp_path / "file.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("plan", [["page"], ["unnamed page"]])
def test_error_page_is_refused(server, tmp_path, plan):
    server.plan = plan
    with pytest.raises(InputError, match="web page instead of the file") as caught:
        fetch(server, tmp_path / "file.zip")
    assert "`source`" in str(caught.value) and files(tmp_path) == [] and len(server.ranges) == 1


def test_missing_on_the_server_is_not_retried(server, tmp_path):
    server.plan = [404]
    with pytest.raises(InputError, match="answered 404"):
        fetch(server, tmp_path / "file.zip")
    assert len(server.ranges) == 1


def test_other_content_leaves_nothing(server, tmp_path):
    server.content = b"PK but not really"
    with pytest.raises(InputError, match=r"file\.zip: cut short or no zip archive"):
        fetch(server, tmp_path / "file.zip", check_archive)
    assert files(tmp_path) == []


def test_no_network_is_one_line(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/file.zip"
    with pytest.raises(InputError, match=r"no connection .* 2 attempts .*`source`") as caught:
        download(address, tmp_path / "file.zip", is_content, attempts=2, wait=0.01)
    assert "\n" not in str(caught.value) and files(tmp_path) == []


@pytest.mark.parametrize("address", ["http://example.org/a.zip", "ftp://example.org/a.zip", "file:///a.zip"])
def test_https_only(tmp_path, address):
    with pytest.raises(InputError, match="not an https address"):
        download(address, tmp_path / "a.zip", is_content)


def test_redirect_away_from_https_is_refused(server, tmp_path):
    server.plan = ["redirect"]
    with pytest.raises(InputError, match=r"example\.invalid/file: not an https address"):
        fetch(server, tmp_path / "file.zip")


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"a/{name}/a.png", data)
    return file.getvalue()


def test_content_of_archives(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(images=b"pixels"))
    content_check("stage1_test.zip")(path)
    path.write_bytes(zipped(images=b"pixels").replace(b"pixels", b"pixelz"))
    with pytest.raises(InputError, match=r"broken at a/images/a\.png"):
        check_archive(path)
    path.write_bytes(zipped(other=b"pixels"))
    with pytest.raises(InputError, match="no image"):
        check_archive(path)


def test_content_of_tables(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ImageId,EncodedPixels,Height,Width,Usage\na,1 2,3,4,Public\n", encoding="utf-8")
    content_check("stage1_solution.csv")(path)
    for content in (b"ImageId\na\n", b"", b"\xff\xfe\x00", b"ImageId,EncodedPixels,Height,Width,Usage\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no table with columns"):
            check_solution(path)
