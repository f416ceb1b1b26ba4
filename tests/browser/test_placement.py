"""What is drawn lands on the pixel under the pointer, at every zoom and on every screen.

The place of a pixel on the screen is measured in a screenshot, so the page's own arithmetic is not
taken at its word.
"""

import io

import numpy as np
import pytest
from PIL import Image

WHITE = 128


def bright_area(page, density):
    """Left, top, right and bottom edge of the white pixel on the screen, in CSS pixels."""
    page.mouse.move(5, 5)  # the pointer on the stage would be white too
    box = page.locator("#stage").bounding_box()
    picture = Image.open(io.BytesIO(page.screenshot(clip=box, scale="device"))).convert("L")
    levels = np.asarray(picture)
    # The page's own buttons over the stage are light; they lie along its lower edge.
    levels = levels[: int(levels.shape[0] * 0.85)]
    rows, columns = np.nonzero(levels > WHITE)
    left, right = columns.min(), columns.max() + 1
    top, bottom = rows.min(), rows.max() + 1
    assert (levels[top:bottom, left:right] > WHITE).all(), "one pixel is one rectangle"
    corner = [box["x"], box["y"]]
    return np.concatenate(
        [np.array(one) / density + corner for one in ((left, top), (right, bottom))]
    )


def mask_of(page, studio, frame, size=(80, 120)):
    answer = page.request.get(f"{studio.address}masks/{frame}")
    assert answer.ok, answer.text()
    return np.frombuffer(answer.body(), np.uint8).reshape(size)


def zoom(page, how):
    """Fit, one frame pixel on one pixel of the screen, or close."""
    page.keyboard.press("Shift+0" if how == "actual" else "0")
    if how == "close":
        for _ in range(4):
            page.keyboard.press("z")
    page.wait_for_timeout(100)


@pytest.mark.slow
@pytest.mark.parametrize("density", [1, 1.5, 2])
def test_the_pixel_under_the_pointer_is_drawn(small_studio, open_page, bright, density):
    page = open_page(small_studio, device_scale_factor=density, color_scheme="dark")
    page.keyboard.press("b")
    for _ in range(12):
        page.keyboard.press("Shift+[")  # the smallest brush: one pixel
    expected = np.zeros((80, 120), bool)
    expected[bright[1], bright[0]] = True
    for how in ("actual", "fit", "close"):
        zoom(page, how)
        left, top, right, bottom = bright_area(page, density)
        side = right - left
        assert side == pytest.approx(bottom - top, abs=1 / density)
        # In the middle, and near two corners where the pixel is large enough to have some.
        inset = 0.2 if side > 4 else 0.5
        for share in {inset, 1 - inset}:
            page.mouse.move(left + share * side, top + share * side)
            with page.expect_response("**/strokes"):
                page.mouse.down()
                page.mouse.up()
            page.locator("#busy").wait_for(state="hidden")
            drawn = mask_of(page, small_studio, 0) == 1
            assert (drawn == expected).all(), (how, share, np.argwhere(drawn))
            with page.expect_response("**/api/undo"):
                page.keyboard.press("Control+z")
            page.get_by_text("Undone").wait_for()


@pytest.mark.slow
def test_a_box_is_where_it_was_dragged(small_studio, open_page, bright):
    page = open_page(small_studio, color_scheme="dark")
    page.keyboard.press("ArrowRight")
    zoom(page, "fit")
    left, top, right, bottom = bright_area(page, 1)
    side = (right - left + bottom - top) / 2
    page.keyboard.press("r")
    page.mouse.move(left + side / 2, top + side / 2)
    page.mouse.down()
    page.mouse.move(left + 20.5 * side, top + 10.5 * side, steps=4)
    with page.expect_response("**/strokes") as sent:
        page.mouse.up()
    assert sent.value.ok
    points = sent.value.request.post_data_json["points"]
    expected = [[bright[0] + 0.5, bright[1] + 0.5], [bright[0] + 20.5, bright[1] + 10.5]]
    assert np.abs(np.array(points) - expected).max() < 0.25  # the edges are known to a pixel
