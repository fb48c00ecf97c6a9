"""Downloads over https, the rule's too, from a server on this machine that cuts, stalls and answers wrongly.

What a server can do to a single call, without TLS, is in test_data_download.py.
"""

import http.server
import io
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from canonuclei.data.download import download
from canonuclei.errors import InputError
from small_pipeline import copy_of_the_pipeline, snakemake
from test_data_download import CONTENT, is_content

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")
PAGE = b"<!DOCTYPE html><html><body>Down for maintenance</body></html>"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request as ``server.plan`` says, and then well."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        behaviour = server.plan.pop(0) if server.plan else "good"
        server.asked.append((Path(self.path).name, self.headers.get("Range"), behaviour))
        if isinstance(behaviour, int):
            self.reply(behaviour, PAGE, {"Content-Type": "text/html"})
        elif behaviour == "page":
            self.reply(200, PAGE, {"Content-Type": "text/html"})
        elif behaviour == "redirect":
            self.reply(302, b"", {"Location": f"http://localhost:{server.server_port}/elsewhere"})
        elif behaviour == "chunked, cut":
            self.chunked()
        else:
            self.serve(behaviour)

    def serve(self, behaviour):
        content = self.server.files[Path(self.path).name]
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        body, headers = content[begin:], {}
        if begin:
            headers = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        half = len(body) if behaviour == "good" else len(body) // 2
        self.reply(206 if begin else 200, body[:half], headers, len(body))
        if behaviour == "reset":
            self.drop()
        elif behaviour == "stall":
            self.server.over.wait(20)
            self.drop()

    def reply(self, status, body, headers, length=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def chunked(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        content = self.server.files[Path(self.path).name]
        self.wfile.write(b"%x\r\n%s" % (len(content), content[: len(content) // 2]))
        self.drop()

    def drop(self):
        """The connection is reset, as by a router that forgot it."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of connections that were dropped."""

    def handle_error(self, *_):
        pass


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/images/a.png", np.random.default_rng(1).bytes(200_000))
    return file.getvalue()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    call += [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run(call, check=True, capture_output=True)
    return key, certificate


@pytest.fixture
def server(certificate, monkeypatch) -> Iterator[Quiet]:
    """An https server that this process and those it starts trust."""
    key, public = certificate
    for name in ("SSL_CERT_FILE", "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, str(public) if name == "SSL_CERT_FILE" else "localhost")
    with Quiet(("localhost", 0), Handler) as running:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, key)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        running.plan, running.asked, running.over = [], [], threading.Event()
        running.files = {"file.zip": CONTENT, "stage1_test.zip": zipped()}
        running.address = f"https://localhost:{running.server_port}"
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.over.set()
        running.shutdown()


def fetch(server, path, attempts=4):
    download(f"{server.address}/file.zip", path, is_content, attempts=attempts, wait=0.01, timeout=1)


@pytest.mark.parametrize("fault", ["reset", "stall", "chunked, cut", 500, 503])
def test_a_fault_that_passes(fault, server, tmp_path):
    server.plan = [fault]
    fetch(server, tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]
    (_, first, _), (_, second, _) = server.asked
    assert first is None
    if fault in ("reset", "stall"):
        assert second.startswith("bytes="), "what had come is not fetched again"


def test_500_that_stays(server, tmp_path):
    server.plan = [500, 500]
    with pytest.raises(InputError, match=r"the server answered 500 .*2 attempts .*`source`"):
        fetch(server, tmp_path / "file.zip", attempts=2)
    assert list(tmp_path.iterdir()) == []


def test_from_https_to_http_it_does_not_go(server, tmp_path):
    server.plan = ["redirect"]
    with pytest.raises(InputError, match=r"http://localhost:\d+/elsewhere: not an https address"):
        fetch(server, tmp_path / "file.zip")
    assert list(tmp_path.iterdir()) == [] and len(server.asked) == 1


def test_a_server_that_nobody_vouches_for(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    with pytest.raises(InputError, match="certificate verify failed"):
        fetch(server, tmp_path / "file.zip", attempts=1)
    assert list(tmp_path.iterdir()) == [] and server.asked == []


def test_the_rule_goes_on_where_it_was_cut_and_refuses_a_page(server, tmp_path):
    """Snakemake itself: nothing that is not the file is ever under its name."""
    folder = copy_of_the_pipeline(tmp_path / "copy")
    target = folder / "resources" / "bbbc038" / "stage1_test.zip"
    call = ("--config", f"source={server.address}", "--", target.relative_to(folder))
    server.plan = ["page", 404, "page"]
    refused = snakemake(folder, *call)
    assert refused.returncode == 1 and "Traceback" not in refused.stdout
    assert "the server sent a web page instead of the file (check `source`)" in refused.stdout
    assert "the server answered 404" in refused.stdout
    assert list(target.parent.glob("*")) == []
    server.asked.clear()
    server.plan = ["reset"]
    fetched = snakemake(folder, *call)
    assert fetched.returncode == 0, fetched.stdout[-2000:]
    assert target.read_bytes() == server.files["stage1_test.zip"]
    assert [path.name for path in target.parent.iterdir()] == ["stage1_test.zip"]
    assert [behaviour for _, _, behaviour in server.asked] == ["reset", "good"]
    assert server.asked[1][1].startswith("bytes=")
