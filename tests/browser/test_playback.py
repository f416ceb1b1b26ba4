"""The frame that is shown is the frame that the field and PyAV number so."""

import random

import av
import numpy as np
import pytest

BIT = 16
"""Side of the squares in which the frames hold their number, in pixels."""
COUNT = 150

# The number that the picture on the stage shows, and the one that the page says.
SHOWN = """async ([side, half]) => {
    const { pictureOf } = await import("/static/frames.js");
    const { state } = await import("/static/state.js");
    const picture = pictureOf(state.frame);
    if (!picture) return null;
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    let number = 0;
    for (let bit = 0; bit < 8; bit++) {
        const [red] = context.getImageData(bit * side + half, 24, 1, 1).data;
        if (red > 128) number += 2 ** bit;
    }
    return [state.frame, number];
}"""


@pytest.fixture(scope="module")
def studio(start_studio, tmp_path_factory):
    """Of a video with frames that refer to later ones, each with its number in black and white."""
    path = tmp_path_factory.mktemp("numbered") / "numbered.mp4"
    with av.open(path, "w") as video:
        stream = video.add_stream("libx264", rate=25, options={"bf": "3", "g": "40"})
        stream.height, stream.width, stream.pix_fmt = 5 * BIT, 8 * BIT, "yuv420p"
        for number in range(COUNT):
            bits = np.array([255 * (number >> bit & 1) for bit in range(8)], np.uint8)
            picture = np.broadcast_to(np.repeat(bits, BIT)[:, None], (5 * BIT, 8 * BIT, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return start_studio(path)


@pytest.mark.slow
def test_twenty_random_frames_are_those_of_pyav(studio, open_page):
    page = open_page(studio)
    for number in random.Random(0).sample(range(COUNT), 20):
        page.locator("#frame").fill(str(number))
        page.keyboard.press("Enter")
        page.wait_for_timeout(50)
        while (shown := page.evaluate(SHOWN, [BIT, BIT // 2])) is None:
            page.wait_for_timeout(50)
        assert shown == [number, number]
    # PyAV numbers the frames of this video as they were made.
    with av.open(next(studio.folder.parent.glob("*.mp4"))) as video:
        for number, frame in enumerate(video.decode(video=0)):
            row = frame.to_ndarray(format="gray")[24, BIT // 2 :: BIT]
            assert sum(2**bit for bit in range(8) if row[bit] > 128) == number


@pytest.mark.slow
def test_playback_shows_every_frame_under_its_own_number(studio, open_page):
    page = open_page(studio)
    page.keyboard.press("Home")
    # On a loaded machine, it takes a while until the first frame has come.
    while page.evaluate(SHOWN, [BIT, BIT // 2]) is None:
        page.wait_for_timeout(50)
    page.keyboard.press("Space")
    seen = []
    for _ in range(40):
        seen.append(page.evaluate(SHOWN, [BIT, BIT // 2]))
        page.wait_for_timeout(40)
    page.keyboard.press("k")
    assert [said for said, _ in seen] == [shown for _, shown in seen]
    assert seen[-1][0] > 10
