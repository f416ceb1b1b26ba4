"""A small clip, a project of it, and a session that draws discs around points at once."""

import re

import numpy as np
import pytest
from starlette.testclient import TestClient

from rotoline.io.frames import open_frames
from rotoline.studio.engine import Computing
from rotoline.studio.project import Project, create_project
from rotoline.studio.server import create_app

TOKEN = "token-of-the-test"
OWN = {"X-Rotoline": "1", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def project_folder(tmp_path, clip_folder):
    """A new project of six frames called f1 ... f6."""
    frames, _, _ = clip_folder
    create_project(tmp_path / "project", open_frames(frames))
    return tmp_path / "project"


@pytest.fixture
def client(project_folder):
    """The page of that project, with its cookie."""
    app = create_app(Project(project_folder), token=TOKEN, load=load)
    with TestClient(app, base_url="http://127.0.0.1:8000") as one:
        one.headers.update(OWN)
        assert one.get("/", params={"token": TOKEN}, follow_redirects=False).status_code == 303
        yield one
