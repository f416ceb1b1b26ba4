"""Fetching against a server in this process: what is kept, refused, resumed and converted."""

import errno
import hashlib
import http.server
import io
import json
import os
import re
import threading
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from rotoline.cli import app
from rotoline.errors import OutputError, WeightsError
from rotoline.weights import download as fetching
from rotoline.weights import pretrained
from rotoline.weights.download import fetch, find_weights, weights_folder
from rotoline.weights.files import read_weights
from rotoline.weights.pretrained import PretrainedEntry

TENSORS = {
    "conv1.weight": torch.arange(90_000, dtype=torch.float64).view(9, -1),
    "bn1.num_batches_tracked": torch.tensor(7),
    "fc.weight": torch.ones(4, 4),
    "fc.bias": torch.zeros(4),
}


class Server(http.server.ThreadingHTTPServer):
    """Serves one file under every path but `/none`."""

    data = b""
    knows_ranges = True
    knows_length = True
    stops_after: int | None = None
    """Bytes of the body after which the connection breaks."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    def handle_error(self, request, client_address):
        """Keep quiet about clients that leave."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers["Range"]
        server.ranges.append(wanted)
        begin, size = 0, len(server.data)
        if self.path == "/none":
            self.send_error(404)
            return
        if wanted and server.knows_ranges:
            begin = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if begin >= size:
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        else:
            self.send_response(200)
        if server.knows_length:
            self.send_header("Content-Length", str(size - begin))
        self.end_headers()
        self.wfile.write(server.data[begin:][: server.stops_after])

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetching, "CHUNK", 4096)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def entry(server):
    """A state dict that the server gives, and whose classifier goes."""
    file = io.BytesIO()
    torch.save(TENSORS, file)
    return publish(server, file.getvalue(), drop=("fc.",))


def publish(server, data, **more) -> PretrainedEntry:
    server.data = data
    about = {
        "name": "small",
        "url": f"http://127.0.0.1:{server.server_port}/small.pth",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": "MIT",
        "source": "Made here.",
        "format": "torch",
    }
    return PretrainedEntry(**about | more)


def run(entry, folder):
    return list(fetch(entry, folder))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_tensors_keep_their_names_and_the_classifier_goes(entry, tmp_path):
    folder = tmp_path / "new" / "folder"
    steps = run(entry, folder)
    stages = list(dict.fromkeys(step.stage for step in steps))
    assert stages == ["downloading", "checking", "converting", "done"]
    assert names(folder) == ["small.json", "small.safetensors"]
    record, state = read_weights(folder / "small.safetensors")
    assert set(state) == {"conv1.weight", "bn1.num_batches_tracked"}
    torch.testing.assert_close(state["conv1.weight"], TENSORS["conv1.weight"].float())
    assert (record.name, record.licence) == ("small", "MIT")
    assert record.command == "rotoline weights fetch small"
    assert entry.url in record.data
    assert entry.sha256 in record.data


def test_only_what_is_kept_stays(entry, tmp_path):
    run(entry.model_copy(update={"keep": ("fc.w",), "drop": ()}), tmp_path)
    assert set(read_weights(tmp_path / "small.safetensors")[1]) == {"fc.weight"}


def test_second_fetch_asks_the_server_for_nothing(entry, server, tmp_path):
    run(entry, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert [step.stage for step in run(entry, tmp_path)] == ["present"]
    assert len(server.ranges) == 1
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


@pytest.mark.parametrize("harm", ["damaged", "no record", "older publication"])
def test_weights_without_a_valid_record_are_fetched_again(harm, entry, tmp_path):
    run(entry, tmp_path)
    path = tmp_path / "small.safetensors"
    good = path.read_bytes()
    if harm == "damaged":
        path.write_bytes(good[:-1] + b"x")
    elif harm == "no record":
        path.with_suffix(".json").unlink()
    else:
        record = json.loads(path.with_suffix(".json").read_text())
        path.with_suffix(".json").write_text(json.dumps(record | {"data": "another file"}))
    assert run(entry, tmp_path)[-1].stage == "done"
    assert path.read_bytes() == good
    assert entry.sha256 in read_weights(path)[0].data


@pytest.mark.parametrize("knows_length", [True, False])
def test_download_goes_on_where_it_was_interrupted(knows_length, entry, server, tmp_path):
    server.stops_after, server.knows_length = 100_000, knows_length
    with pytest.raises(WeightsError, match=r"after 0\.1 of 0\.\d MB.*same command again"):
        run(entry, tmp_path)
    assert names(tmp_path) == ["small.pth.part"]
    assert (tmp_path / "small.pth.part").read_bytes() == server.data[:100_000]
    server.stops_after = None
    steps = run(entry, tmp_path)
    assert steps[0].done == 100_000
    assert server.ranges == [None, "bytes=100000-"]
    assert names(tmp_path) == ["small.json", "small.safetensors"]


def test_server_without_ranges_begins_anew(entry, server, tmp_path):
    (tmp_path / "small.pth.part").write_bytes(server.data[:50_000])
    server.knows_ranges = False
    steps = run(entry, tmp_path)
    assert (steps[0].done, steps[-1].stage) == (0, "done")
    read_weights(tmp_path / "small.safetensors")


def test_range_behind_the_end_begins_anew(entry, server, tmp_path):
    whole, server.data = server.data, server.data[:1000]
    (tmp_path / "small.pth.part").write_bytes(whole[:1000])
    with pytest.raises(WeightsError, match="has 1000 bytes instead of"):
        run(entry, tmp_path)
    assert server.ranges == ["bytes=1000-", None]
    server.data = whole
    assert run(entry, tmp_path)[-1].stage == "done"


def test_complete_download_is_not_asked_for_again(entry, server, tmp_path):
    (tmp_path / "small.pth.part").write_bytes(server.data)
    assert [step.stage for step in run(entry, tmp_path)] == ["checking", "converting", "done"]
    assert server.ranges == []


class Harmful:
    """Unpickled without care, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def harmful_file(path) -> bytes:
    file = io.BytesIO()
    torch.save({"conv1.weight": Harmful(path)}, file)
    return file.getvalue()


def test_wrong_hash_is_refused_before_anything_parses(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "convert", lambda *_: pytest.fail("parsed"))
    entry = publish(server, harmful_file(tmp_path / "harm"), sha256="0" * 64)
    found = hashlib.sha256(server.data).hexdigest()
    with pytest.raises(WeightsError, match=f"SHA-256 {found} instead of {'0' * 64}.*removed"):
        run(entry, tmp_path)
    assert names(tmp_path) == []


def test_nothing_in_a_known_file_runs_either(server, tmp_path):
    entry = publish(server, harmful_file(tmp_path / "harm"))
    with pytest.raises(WeightsError, match="cannot be read as PyTorch weights"):
        run(entry, tmp_path)
    assert names(tmp_path) == ["small.pth.part"]


@pytest.mark.parametrize("knows_length", [True, False])
def test_larger_file_is_refused(knows_length, entry, server, tmp_path):
    server.data += bytes(1_000_000)
    server.knows_length = knows_length
    with pytest.raises(WeightsError, match=r"bytes (instead of|that are needed)"):
        run(entry, tmp_path)
    assert names(tmp_path) == []


def test_missing_file_and_missing_server_are_named(entry, server, tmp_path):
    gone = entry.model_copy(update={"url": entry.url.replace("small.pth", "none")})
    with pytest.raises(WeightsError, match="answers 404 Not Found; the file may have moved"):
        run(gone, tmp_path)
    nobody = entry.model_copy(update={"url": "http://127.0.0.1:1/small.pth"})
    with pytest.raises(WeightsError, match=r"cannot reach http.*refused; check the network"):
        run(nobody, tmp_path)
    assert names(tmp_path) == []


def test_silent_server_is_given_up(server, entry, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS_OF_SILENCE", 0.1)
    server.shutdown()  # connections are accepted and never answered
    with pytest.raises(WeightsError, match="timed out"):
        run(entry, tmp_path)


def test_full_disk_keeps_what_came(entry, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputError, match=r"No space left on device; free some space"):
        run(entry, tmp_path)
    assert names(tmp_path) == ["small.pth.part"]
    monkeypatch.undo()
    assert run(entry, tmp_path)[-1].stage == "done"


def test_folder_that_is_a_file_is_an_output_error(entry, tmp_path):
    (tmp_path / "file").write_text("keep")
    with pytest.raises(OutputError, match="cannot write"):
        run(entry, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "keep"


def test_missing_h5py_is_said_before_the_download(server, tmp_path, monkeypatch):
    entry = publish(server, b"any", format="keras", member="inner/w.h5")
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'rotoline\[hed\]'"):
        run(entry, tmp_path)
    assert server.ranges == []


def test_weights_are_found_by_path_or_name(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = weights_folder()
    assert folder == tmp_path / "rotoline"
    with pytest.raises(WeightsError, match="rotoline weights fetch vgg16-hed"):
        find_weights("vgg16-hed")
    folder.mkdir()
    for suffix in (".safetensors", ".json"):
        (folder / f"vgg16-hed{suffix}").touch()
    assert find_weights("vgg16-hed") == folder / "vgg16-hed.safetensors"
    assert find_weights(folder / "vgg16-hed.json") == folder / "vgg16-hed.json"
    with pytest.raises(WeightsError, match="resnet101-imagenet, vgg16-imagenet, vgg16-hed"):
        find_weights("vgg16-hod")


def test_default_folder_is_in_the_home(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert weights_folder() == Path("/home/someone/.cache/rotoline")


@pytest.fixture
def command(entry, tmp_path, monkeypatch):
    """A function that runs `rotoline weights` with the server's file as the only published one."""
    listed = tmp_path / "registry.json"
    listed.write_text(f"[{entry.model_dump_json()}]")
    monkeypatch.setattr(pretrained, "registry_path", lambda: listed)

    def call(*arguments):
        result = CliRunner().invoke(app, ["weights", *arguments, "--folder", str(tmp_path / "w")])
        return result, re.sub(r"\s+", " ", result.output + result.stderr)

    return call


def test_command_fetches_once_and_lists(command, tmp_path):
    assert re.search(r"small 1 MIT no", command("list")[1])
    result, words = command("fetch", "small")
    assert result.exit_code == 0
    assert "downloading: " in words
    assert f"{tmp_path / 'w' / 'small.safetensors'} is ready licence: MIT. Made here." in words
    assert "is there already" in command("fetch", "small")[1]
    assert re.search(r"small 1 MIT yes", command("list")[1])


def test_command_ends_with_one_message(command, server):
    result, words = command("fetch", "large")
    assert result.exit_code == 2
    assert "error: there are no published weights large; known are small" in words
    server.stops_after = 1000
    result, words = command("fetch", "small")
    assert result.exit_code == 2
    assert "error: the download of small stopped after" in words
    assert "Traceback" not in words


def test_stopped_command_says_how_to_go_on(command, entry, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "convert", stop)
    result, words = command("fetch", "small")
    assert result.exit_code == 130
    assert "run the same command again to go on" in words
    assert names(tmp_path / "w") == ["small.pth.part"]
