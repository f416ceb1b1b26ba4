"""Take the pictures of the studio for the docs, docs/images/studio-*.png, from the studio itself.

    .venv/bin/python scripts/make_screenshots.py

Needs Chromium. It marks three objects of the bundled clip with a few strokes, tracks them
and shows what a person would see; on two cores it takes about three minutes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH = 1120
"""Of the files, in pixels; the window is 1280 wide."""
COLOURS = 256
"""As many as a file of less than 300 kB can have."""
FOLDER = "~/rotoline/bigbuckbunny"
"""Shown for the folder of the project."""
FRAMES = ("--start", "20", "--end", "120", "--every", "4")

Points = Sequence[tuple[float, float]]
# In pixels of the clip's frame 60, which is frame 10 of what is read.
RABBIT = [(490, 290), (440, 380), (430, 540)]
ARMS = [(260, 160), (330, 185), (400, 190)]
HEAD = [(430, 170), (470, 130), (500, 120)]
NOT_RABBIT = [(700, 260), (760, 520), (640, 640)]
ROCK = [(880, 410), (1000, 340), (1150, 400), (1250, 420)]
STONE = [(140, 480), (220, 490)]
SKY = [(820, 240), (1000, 270), (1240, 240)]
GRASS = [(780, 500), (1000, 510), (1260, 500)]


def main() -> None:
    """Take the three pictures."""
    IMAGES.mkdir(exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with running_studio() as link, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.set_default_timeout(600_000)
        page.goto(link)
        mark(page)
        save(page, "studio-mark.png")
        track(page)
        page.emulate_media(color_scheme="dark")
        page.locator("#tab-check").click()
        page.locator("#checks .name", has_text="stone").first.wait_for()
        page.keyboard.press("n")
        save(page, "studio-check.png")
        page.emulate_media(color_scheme="light")
        page.locator("[data-view=cutout]").click()
        page.locator("#tab-export").click()
        page.locator("input[name=format][value=prores]").check()
        page.locator("#preview").evaluate("picture => picture.decode()")
        # That of the temporary folder would mean nothing to anybody.
        page.locator("#project-path").evaluate(f"line => line.textContent = '{FOLDER}'")
        save(page, "studio-export.png")
        browser.close()


@contextmanager
def running_studio() -> Iterator[str]:
    """Run the command on the bundled clip: the link that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rotoline", "studio", *FRAMES, "--no-browser"]
        process = subprocess.Popen(
            [*command, "--set", "tuning.steps=0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_DATA_HOME": folder},
        )
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://\S+/\?token=\S+", line):
                yield found[0]
                break
        process.terminate()
        process.wait()


def mark(page: Page) -> None:
    """Mark three objects in one frame, the last one badly."""
    page.locator("#frame").fill("10")
    page.keyboard.press("Enter")
    page.wait_for_timeout(2000)
    for points in (RABBIT, ARMS, HEAD):
        draw(page, points)
    draw(page, NOT_RABBIT, is_object=False)
    rename(page, "rabbit")
    page.keyboard.press("m")
    page.locator("#objects li").nth(1).wait_for()
    draw(page, ROCK)
    for points in (SKY, GRASS):
        draw(page, points, is_object=False)
    rename(page, "rock")
    page.keyboard.press("m")
    page.locator("#objects li").nth(2).wait_for()
    draw(page, STONE)
    rename(page, "stone")
    page.keyboard.press("1")


def draw(page: Page, points: Points, *, is_object: bool = True) -> None:
    """Draw a stroke through points of the frame, and wait for its mask."""
    scale, left, top = page.evaluate(
        "import('/static/stage.js').then(({ view }) => [view.scale, view.x, view.y])"
    )
    box = page.locator("#stage").bounding_box()
    assert box is not None
    places = [(box["x"] + left + x * scale, box["y"] + top + y * scale) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down(button="left" if is_object else "right")
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    with page.expect_response("**/strokes"):
        page.mouse.up(button="left" if is_object else "right")
    page.locator("#busy").wait_for(state="hidden")
    page.mouse.move(5, 5)


def rename(page: Page, name: str) -> None:
    """Name the chosen object."""
    page.keyboard.press("F2")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.locator("#objects").get_by_text(name).wait_for()


def track(page: Page) -> None:
    """Track all objects both ways."""
    page.keyboard.press("Enter")
    page.locator("#here-kind[data-kind=accepted]").wait_for()
    page.keyboard.press("t")
    page.locator("#messages p", has_text="tracked").wait_for()


def save(page: Page, name: str) -> None:
    """Save what the window shows, small enough for a page of the docs."""
    page.locator("#messages p").first.wait_for(state="detached")
    page.wait_for_timeout(2500)  # the small pictures of the timeline come last
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    small = picture.resize(
        (WIDTH, WIDTH * picture.height // picture.width), Image.Resampling.LANCZOS
    )
    # The buttons' colours are few pixels among those of the film, and would be lost among 256.
    flat = small.crop((0, 0, small.width, 40)).quantize(24).convert("RGB")
    both = Image.new("RGB", (small.width, small.height + 40 * 4))
    both.paste(small, (0, 0))
    for row in range(4):
        both.paste(flat, (0, small.height + 40 * row))
    palette = both.quantize(COLOURS, kmeans=2)
    reduced = small.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    reduced.save(IMAGES / name, optimize=True)
    sys.stdout.write(f"docs/images/{name}: {(IMAGES / name).stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
