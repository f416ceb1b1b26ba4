"""The bundled clip from nothing to a ProRes matte, through the studio, with a person's strokes.

    python benchmarks/studio.py [--tiny] [--label NAME]

The page's requests are made without the page: the strokes of `studio_strokes.json`, one frame after
the other. A person drew each frame's strokes with the masks in view that the strokes before had
given, so they suit the weights of their time. After the strokes of a frame its masks are accepted,
and the objects that were drawn are tracked in both directions. Reported after each frame:

- seconds_of_strokes: from a stroke to its mask, median and longest, once the frame was prepared
- seconds_of_tracking: the run
- scores: J&F of each object in the six frames that were masked by hand

and, at the end, the seconds of exporting ProRes 4444. Drawing takes a person a few seconds a stroke
and is not counted.
"""

import json
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from _report import describe_machine, make_parser, report
from rotoline.demo import NAMES, TRUTH, VIDEO
from rotoline.evaluation.folders import evaluate_folders
from rotoline.io.frames import open_frames
from rotoline.studio.project import Project, create_project
from rotoline.studio.server import create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have another package
    from starlette.testclient import TestClient

STROKES = Path(__file__).with_name("studio_strokes.json")


class Page:
    """What the page sends to the studio."""

    def __init__(self, client):
        self.client = client

    def send(self, method, path, body=None):
        """One request."""
        answer = self.client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer

    def wait(self):
        """Until nothing is tracked or exported any more."""
        while (job := self.send("GET", "/api/project").json()["job"]) is not None:
            assert job["status"] in ("waiting", "running"), job
            time.sleep(0.05)

    def draw(self, frame, strokes):
        """Draw strokes in a frame and accept its masks: the seconds of each."""
        self.send("GET", f"/api/frames/{frame}")
        time.sleep(3)  # a person looks at the frame first
        seconds = []
        for stroke in strokes:
            began = time.perf_counter()
            self.send("POST", f"/api/frames/{frame}/strokes", stroke)
            seconds.append(time.perf_counter() - began)
        self.send("POST", f"/api/frames/{frame}/accept", {})
        return seconds

    def run(self, path, body):
        """Track or export: the seconds."""
        began = time.perf_counter()
        self.send("POST", path, body)
        self.wait()
        return time.perf_counter() - began


def measure(project):
    """J&F of each object over the frames that were masked by hand and are in the project."""
    with tempfile.TemporaryDirectory() as truth:
        for path in TRUTH.glob("*.png"):
            if (project / "masks" / path.name).is_file():
                shutil.copy(path, truth)
        scores = evaluate_folders(project, Path(truth), every_frame=True)
    means = {NAMES[one.object_id]: round(one.j_and_f, 3) for one in scores.objects}
    return {**means, "mean": round(scores.j_and_f, 3)}


def run_all(folder, *, is_tiny):
    """One line for each frame with strokes, and one for the export."""
    source = open_frames(VIDEO, end="22" if is_tiny else None)
    settings = {"working_pixels": 160 * 288} if is_tiny else {}
    create_project(folder, source, settings=settings)
    app = create_app(Project(folder), token="benchmark")
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        client.headers.update({"X-Rotoline": "1", "Sec-Fetch-Site": "same-origin"})
        client.get("/", params={"token": "benchmark"})
        page = Page(client)
        for name in NAMES.values():
            page.send("POST", "/api/objects", {"name": name})
        steps = json.loads(STROKES.read_text())
        for step in steps[:1] if is_tiny else steps:
            frame, strokes = step["frame"], step["strokes"]
            seconds = page.draw(frame, strokes)
            drawn = sorted({one["object"] for one in strokes})
            body = {"direction": "both", "frame": frame, "objects": drawn}
            tracking = page.run("/api/jobs", body)
            yield {
                "frame": frame,
                "why": step["why"],
                "strokes": len(strokes),
                "objects": drawn,
                "seconds_of_strokes": [
                    round(float(np.median(seconds)), 2),
                    round(max(seconds), 2),
                ],
                "seconds_of_tracking": round(tracking, 1),
                "scores": measure(folder),
                **describe_machine(),
            }
        seconds = page.run("/api/exports", {"formats": ["prores"]})
        files = [path.name for path in sorted(folder.glob("exports/*/*"))]
        yield {"export": files, "seconds": round(seconds, 1)}


def main():
    """Run the worked example of docs/tutorial/studio.md."""
    options = make_parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(run_all(Path(folder) / "project", is_tiny=options.tiny), options.label)


if __name__ == "__main__":
    main()
