"""A small clip, a project of it, and a session that draws discs around points at once."""

import threading
import time

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from rotoline.io.frames import open_frames
from rotoline.pipeline import Step
from rotoline.runtime.progress import Progress
from rotoline.studio.project import Project, create_project
from rotoline.studio.server import create_app
from rotoline.studio.solver import Computing
from rotoline.types import FrameResult

TOKEN = "token-of-the-test"
OWN = {"X-Rotoline": "1", "Sec-Fetch-Site": "same-origin"}


class DiscSession:
    """Takes the place of `rotoline.interact.Session`: an object is a disc around each point."""

    def __init__(self, size):
        self.size, self.taught, self.looked, self.threads = size, {}, [], set()
        self.may_track = threading.Semaphore(1000)
        self.solved = []

    def look(self, index, frame):
        self.looked.append(index)

    def teach(self, masks, frames):
        self.taught = dict(masks)

    def solve(self, index, frame, strokes, *, current, result, locked, changing):
        self.threads.add(threading.get_ident())
        assert frame.shape == (*self.size, 3)
        self.solved.append(index)
        labels = current.copy()
        rows, columns = np.mgrid[: self.size[0], : self.size[1]]
        for object_id in changing:
            labels[labels == object_id] = 0
            for stroke in strokes[object_id]:
                for x, y in stroke.points:
                    disc = (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= 100
                    labels[disc & ~np.isin(labels, locked)] = object_id * stroke.is_object
        return labels

    def track(self, frames, masks, spans, results, store, *, complete):
        self.threads.add(threading.get_ident())
        wanted = sorted({i for one in spans for i in range(one.begin, one.end)})
        ids = sorted({one.object_id for one in spans})
        first = masks[min(masks)]
        for done, index in enumerate(wanted, start=1):
            self.may_track.acquire()
            old = results.get(index)
            labels = np.where(np.isin(first, ids), first, 0 if old is None else old.labels)
            known = {} if old is None else old.confidence
            confidence = dict(sorted({**known, **dict.fromkeys(ids, 0.9)}.items()))
            result = FrameResult(
                index=index,
                labels=masks.get(index, labels).astype(np.uint8),
                confidence=confidence,
                logits=torch.full((len(confidence), 6, 9), float(index)),
            )
            yield Step(result, progress=Progress("tracking", done, len(wanted)))


@pytest.fixture
def project_folder(tmp_path, clip_folder):
    """A new project of six frames called f1 ... f6."""
    frames, _, _ = clip_folder
    create_project(tmp_path / "project", open_frames(frames))
    return tmp_path / "project"


class Page:
    """What the page does, with the cookie."""

    def __init__(self, client, session):
        self.client, self.session = client, session

    def get(self, path, **more):
        return self.client.get(path, **more)

    def json(self, path):
        return self.client.get(path).json()

    def send(self, method, path, body=None, status=200):
        response = self.client.request(method, path, json=body)
        assert response.status_code == status, response.text
        return response

    def add(self, name="disc"):
        return self.send("POST", "/api/objects", {"name": name}).json()["id"]

    def draw(self, frame, object_id, x=40.0, y=48.0, status=200, **more):
        body = {"object": object_id, "tool": "stroke", "radius": 3, "points": [[x, y]], **more}
        return self.send("POST", f"/api/frames/{frame}/strokes", body, status)

    def mask(self, frame):
        return self.ids(self.get(f"/masks/{frame}"))

    @staticmethod
    def ids(response):
        assert response.headers["content-encoding"] == "gzip"
        return np.frombuffer(response.content, np.uint8).reshape(96, 144)

    def track(self, direction="both", frame=0, objects=None):
        body = {"direction": direction, "frame": frame, "objects": objects}
        job = self.send("POST", "/api/jobs", body).json()
        assert job["status"] == "waiting"
        self.wait()
        return job

    def wait(self):
        """Until no job goes on."""
        self.until(lambda: self.json("/api/project")["job"] is None)

    @staticmethod
    def until(is_true):
        end = time.monotonic() + 20
        while not is_true():
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.fixture
def open_page():
    """A function that opens the page of a project, as a context manager."""

    class Opened:
        def __init__(self, folder, **more):
            self.session = DiscSession((96, 144))
            computing = Computing(self.session, {"config": {"preset": "fast"}})
            self.project = Project(folder, **more)
            app = create_app(self.project, token=TOKEN, load=lambda: computing)
            self.client = TestClient(app, base_url="http://127.0.0.1:8000")

        def __enter__(self):
            self.client.__enter__()
            self.client.headers.update(OWN)
            answer = self.client.get("/", params={"token": TOKEN}, follow_redirects=False)
            assert answer.status_code == 303
            return Page(self.client, self.session)

        def __exit__(self, *error):
            self.session.may_track.release(100)
            self.client.__exit__(*error)

    return Opened


@pytest.fixture
def page(project_folder, open_page):
    """The page of the project."""
    with open_page(project_folder) as one:
        yield one
