"""From opening the bundled clip to an export, with a correction and a crash in between."""

import json
import re

import pytest

FRAMES = 6
# In pixels of the bundled clip's frame 50, which is the first one here: on the rabbit from the
# chest to a foot, on grass and sky beside it, and on the stone at the left.
RABBIT = [(480, 260), (470, 400), (480, 560)]
NOT_RABBIT = [(760, 300), (900, 560), (620, 660)]
STONE = [(150, 480), (220, 490)]
VIEW = """async () => {
    const { view } = await import("/static/stage.js");
    return [view.scale, view.x, view.y];
}"""


def draw(page, points, button="left"):
    """Draw a stroke through points of the frame, and wait for its mask."""
    box = page.locator("#stage").bounding_box()
    scale, left, top = page.evaluate(VIEW)
    places = [(box["x"] + left + x * scale, box["y"] + top + y * scale) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down(button=button)
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    with page.expect_response("**/strokes") as answer:
        page.mouse.up(button=button)
    assert answer.value.ok
    page.locator("#busy").wait_for(state="hidden")


def track(page, key):
    """Press a key that starts tracking, and wait for the end."""
    with page.expect_response("**/api/jobs") as answer:
        page.keyboard.press(key)
    assert answer.value.ok
    page.locator("#messages p", has_text="tracked").last.wait_for()
    page.locator("#job").wait_for(state="hidden")


def export(page, name, folder):
    """Export a format from the page: the files, by their paths."""
    page.locator("#tab-export").click()
    page.locator(f"input[name=format][value={name}]").check()
    page.locator("#preview-box").wait_for()
    assert page.locator("#preview").evaluate("picture => picture.decode().then(() => true)")
    before = set(folder.glob("exports/*"))
    page.locator("#export").click()
    while not (made := set(folder.glob("exports/*")) - before):
        page.wait_for_timeout(100)
    page.locator("#job").wait_for(state="hidden")
    page.locator(f"input[name=format][value={name}]").uncheck()
    (made,) = made
    return {one.relative_to(made).as_posix(): one for one in made.rglob("*") if one.is_file()}


def mattes_of(files, object_id):
    """The bytes of the mattes of one object."""
    pattern = re.compile(rf"(^|/)0*{object_id}/")
    found = {name: path.read_bytes() for name, path in files.items() if pattern.search(name)}
    assert len(found) == FRAMES, sorted(files)
    return found


@pytest.mark.slow
def test_from_the_bundled_clip_to_an_export(start_studio, open_page, tmp_path):
    # Without a clip it opens the bundled one. Tuning and size would only make it slow.
    quick = ("--set", "tuning.steps=0", "--set", "working_pixels=60000")
    studio = start_studio("--start", 50, "--end", 50 + FRAMES, *quick, data=tmp_path)
    page = open_page(studio)
    assert page.locator("#of-count").text_content() == f"of {FRAMES - 1}"

    # Two strokes for the first object, one for the second; Enter accepts their masks.
    draw(page, RABBIT)
    draw(page, NOT_RABBIT, button="right")
    page.keyboard.press("m")
    page.locator("#objects li").nth(1).wait_for()
    draw(page, STONE)
    page.locator("#strokes li").nth(2).wait_for()
    assert page.locator("#strokes li").all_text_contents() == [
        "object 1",
        "not object 1",
        "object 2",
    ]
    page.keyboard.press("Enter")
    page.locator("#here-kind[data-kind=accepted]").wait_for()

    # Run: the masks of all frames come.
    track(page, "f")
    page.keyboard.press("End")
    page.locator("#here-kind[data-kind=result]").wait_for()
    first = export(page, "mattes", studio.folder)

    # A correction of the first object: the files of the other one stay as they are, to the bit.
    page.locator("#frame").fill("3")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    page.locator("#here-kind[data-kind=result]").wait_for()
    draw(page, [(480, 300), (480, 340)], button="right")
    track(page, "t")
    page.locator("#corrected", has_text="1").wait_for()
    second = export(page, "mattes", studio.folder)
    assert mattes_of(first, 1) != mattes_of(second, 1)
    assert mattes_of(first, 2) == mattes_of(second, 2)

    # Undo takes the stroke of the correction back.
    page.locator("#strokes li").first.wait_for()
    page.keyboard.press("Control+z")
    page.locator("#strokes li").first.wait_for(state="detached")

    videos = export(page, "prores", studio.folder)
    assert any(name.endswith(".mov") for name in videos)
    _check_after_crash(page, studio, start_studio, open_page)


def _check_after_crash(page, studio, start_studio, open_page):
    """Killed without warning and started again, the project is as it was."""
    page.keyboard.press("Home")
    page.locator("#here-kind[data-kind=accepted]").wait_for()
    before = json.loads(page.request.get(f"{studio.address}api/project").text())
    mask = page.request.get(f"{studio.address}masks/4").body()
    studio.kill()
    page.locator("#banners", has_text="connection").wait_for()
    page.close()
    page.problems.clear()  # its requests since then

    again = start_studio(studio.folder)
    page = open_page(again)
    page.locator("#here-kind[data-kind=accepted]").wait_for()
    after = json.loads(page.request.get(f"{again.address}api/project").text())
    for key in ("objects", "marks", "lanes", "looked_at", "corrected", "undo"):
        assert after[key] == before[key], key
    assert page.request.get(f"{again.address}masks/4").body() == mask


@pytest.mark.slow
def test_a_second_studio_can_only_look(small_studio, start_studio, open_page):
    objects = open_page(small_studio).locator("#objects li").count()
    page = open_page(start_studio(small_studio.folder))
    page.locator("#banners p").wait_for()
    assert page.locator("#banners p").text_content()
    assert page.locator("[data-run]:enabled").count() == 0
    page.keyboard.press("m")
    page.locator("#messages [role=alert]", has_text="reading only").wait_for()
    assert page.locator("#objects li").count() == objects
