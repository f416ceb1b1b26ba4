"""`rotoline studio` as a process: started, killed, and started again."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from rotoline.studio.project import Project

OWN = {"X-Rotoline": "1", "Sec-Fetch-Site": "same-origin"}


class Studio:
    """The command in a process of its own, and a client with its cookie."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "rotoline", "studio", *map(str, arguments), "--no-browser"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.printed, link = [], None
        while link is None:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.printed.append(line)
            link = re.search(r"http://\S+", line)
        self.client = httpx.Client(base_url=link[0].partition("/?")[0], headers=OWN, timeout=120)
        self._take_cookie(link[0])

    def _take_cookie(self, link):
        for _ in range(200):
            try:
                answer = self.client.get(f"/?{link.partition('?')[2]}")
            except httpx.ConnectError:
                time.sleep(0.05)
            else:
                assert answer.status_code == 303
                return

    def end(self, number):
        self.client.close()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@pytest.mark.slow
def test_a_studio_that_is_killed_loses_nothing(clip_folder, tmp_path):
    frames, _, _ = clip_folder
    studio = Studio(frames, "--output", tmp_path / "project", "--set", "tuning.steps=0")
    assert str(tmp_path / "project") in studio.printed[0]
    assert studio.client.post("/api/objects", json={"name": "ball"}).json() == {"id": 1}
    stroke = {"object": 1, "tool": "stroke", "radius": 4, "points": [[30, 48], [40, 50]]}
    mask = studio.client.post("/api/frames/0/strokes", json=stroke)
    assert mask.status_code == 200, mask.text
    studio.client.post("/api/frames/0/accept")
    job = {"direction": "both", "frame": 0, "objects": None}
    assert studio.client.post("/api/jobs", json=job).status_code == 200
    with studio.client.stream("GET", "/api/events", params={"last": "1"}) as events:
        for line in events.iter_lines():
            if line.startswith("data:") and '"done": 3' in line:
                break
            project = studio.client.get("/api/project").json()
            if project["job"] is None or project["job"]["done"] >= 2:
                break
    studio.end(signal.SIGKILL)

    project = Project(tmp_path / "project")
    assert project.state.marks(0).accepted_ids == [1]
    done = len(project.results)
    project.close()
    again = Studio(tmp_path / "project")
    assert again.client.get("/masks/0").content == mask.content
    answer = again.client.get("/api/project").json()
    assert answer["marks"] == {"1": [{"frame": 0, "is_accepted": True}]}
    assert again.client.get("/masks/1").status_code == 200
    code, _ = again.end(signal.SIGINT)
    assert code in (0, 130)
    record = tmp_path / "project" / "run.json"
    assert not done or len(json.loads(record.read_text())["confidence"]) == done


@pytest.mark.slow
def test_ctrl_c_ends_it_while_a_page_listens(clip_folder, tmp_path):
    frames, _, _ = clip_folder
    studio = Studio(frames, "--output", tmp_path / "project")
    with studio.client.stream("GET", "/api/events") as events:
        began = time.monotonic()
        studio.process.send_signal(signal.SIGINT)
        assert "event: closed" in list(events.iter_lines())
    studio.process.wait(60)
    code, errors = studio.end(0)
    assert code in (0, 130)
    assert "Traceback" not in errors
    assert time.monotonic() - began < 20


def test_a_missing_extra_is_named(call, words_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    result = call("studio")
    assert result.exit_code == 2
    assert "pip install 'rotoline[studio]'" in words_of(result)


def test_what_is_no_clip_is_refused(call, words_of, tmp_path):
    result = call("studio", tmp_path / "nothing.mp4", "--no-browser")
    assert result.exit_code == 2
    assert "nothing.mp4" in words_of(result)
    assert not (tmp_path / "nothing-rotoline").exists()


def test_a_host_is_warned_about_and_a_port_that_is_taken_refused(
    call, words_of, tmp_path, clip_folder
):
    import socket

    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        project = tmp_path / "project"
        result = call("studio", clip_folder[0], "-o", project, "--port", port, "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "--port" in words_of(result)
