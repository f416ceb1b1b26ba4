"""The real command, and the real page in a browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome")
UNTUNED = ("--set", "tuning.steps=0")


# One browser for each file: its event loop must not stay behind for other tests.
@pytest.fixture(scope="module")
def chromium():
    """A browser."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        reason = f"needs a browser: none of {', '.join(NAMES)} is installed"
        if "CI" in os.environ and sys.platform == "linux":
            pytest.fail(reason)  # there it must not be forgotten
        pytest.skip(reason)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Studio:
    """A running `rotoline studio`."""

    def __init__(self, *arguments, data="."):
        command = [sys.executable, "-m", "rotoline", "studio", *map(str, arguments), "--no-browser"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(data)}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        said = ""
        while not (found := re.search(r"http://\S+/\?token=\S+", said)):
            line = self.process.stdout.readline()
            assert line, f"the studio ended: {said}"
            said += line
        self.link = found[0]
        self.address = self.link.partition("?")[0]
        self.folder = Path(re.search(r"the project is in (.+)", said)[1])
        self.cookies = None

    def kill(self):
        """As when the machine loses power."""
        self.process.kill()
        self._end()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self._end()

    def _end(self):
        self.process.wait(timeout=20)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def start_studio():
    """A function that runs the command with some arguments."""
    running = []

    def start(*arguments, **options):
        running.append(Studio(*arguments, **options))
        return running[-1]

    yield start
    for studio in running:
        studio.close()


@pytest.fixture
def open_page(chromium):
    """A function that opens the page of a studio; at the end, nothing may have gone wrong in it."""
    contexts, problems = [], []

    def open_one(studio, **options):
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = chromium.new_context(storage_state=studio.cookies, **options)
        context.set_default_timeout(60_000)  # other tests may need the processor
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda one: one.type == "error" and problems.append(one.text))
        page.on("response", lambda one: one.status >= 400 and problems.append(one.text()))
        page.problems = problems
        # The link works once; after that, the browser has a cookie.
        page.goto(studio.address if studio.cookies else studio.link)
        studio.cookies = context.storage_state()
        page.locator("#stage[aria-label^='Frame ']").wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="session")
def bright():
    """The column and row of the white pixel in `small_clip`."""
    return 71, 33


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory, bright):
    """A folder of eight black frames with a white pixel."""
    folder = tmp_path_factory.mktemp("small") / "clip"
    folder.mkdir()
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[bright[1], bright[0]] = 255
    for index in range(8):
        Image.fromarray(picture).save(folder / f"{index:05d}.png")
    return folder


@pytest.fixture(scope="session")
def small_studio(start_studio, small_clip):
    return start_studio(small_clip, *UNTUNED)
