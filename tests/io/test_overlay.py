import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError, OutputError
from rotoline.io.overlay import (
    OBJECT_COLOURS,
    contact_sheet,
    draw_overlay,
    write_picture,
)

SIZE = (48, 64)


def grey(value: int = 100, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def square(object_id: int = 1, size: tuple[int, int] = SIZE) -> np.ndarray:
    labels = np.zeros(size, np.uint8)
    labels[10:30, 20:40] = object_id
    return labels


# Pictures


def test_objects_are_tinted_and_outlined_and_the_rest_stays():
    frame = grey()
    picture = draw_overlay(frame, square(3), alpha=0.5)
    inside = np.zeros(SIZE, bool)
    inside[12:28, 22:38] = True
    contour = (square() > 0) & ~inside
    np.testing.assert_array_equal(picture[square() == 0], frame[square() == 0])
    assert (picture[contour] == OBJECT_COLOURS[3]).all()
    assert np.abs(picture[inside] - (100 + OBJECT_COLOURS[3].astype(float)) / 2).max() <= 1
    assert (frame == 100).all()


def test_alpha_0_draws_contours_only():
    picture = draw_overlay(grey(), square(), alpha=0)
    assert (picture[12:28, 22:38] == 100).all()
    assert (picture[10:12, 20:40] == OBJECT_COLOURS[1]).all()


def test_objects_that_touch_are_separated_and_picture_borders_are_not_drawn():
    labels = np.ones(SIZE, np.uint8)
    labels[:, 32:] = 2
    picture = draw_overlay(grey(), labels, alpha=0)
    assert (picture[:, 30:32] == OBJECT_COLOURS[1]).all()
    assert (picture[:, 32:34] == OBJECT_COLOURS[2]).all()
    assert (picture[:, :30] == 100).all()
    assert (picture[:, 34:] == 100).all()


def test_every_object_colour_is_different_and_bright_enough():
    assert len(np.unique(OBJECT_COLOURS, axis=0)) == 256
    assert (OBJECT_COLOURS[1:].max(axis=1) >= 120).all()


def test_frame_and_labels_of_different_size_are_refused():
    with pytest.raises(InputError, match="frame is 48 x 64 and its labels are 40 x 64"):
        draw_overlay(grey(), square()[:40])


def test_a_contact_sheet_tiles_pictures_row_by_row():
    sheet = contact_sheet([grey(value) for value in (50, 100, 150)], columns=2, width=64)
    assert sheet.shape == (48, 64, 3)
    centres = sheet[12::24, 16::32, 0]
    np.testing.assert_array_equal(centres, [[50, 100], [150, 0]])
    with pytest.raises(InputError, match="sheet of 0 pictures"):
        contact_sheet([], columns=2, width=64)


def test_pictures_are_written_by_suffix(tmp_path):
    write_picture(tmp_path / "a.png", grey())
    write_picture(tmp_path / "a.jpg", grey())
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert image.format == {".png": "PNG", ".jpg": "JPEG"}[path.suffix]
            np.testing.assert_array_equal(np.asarray(image), grey())
    with pytest.raises(InputError, match=r"a\.tga ends in '\.tga'.*\.png, \.jpg"):
        write_picture(tmp_path / "a.tga", grey())


def test_a_picture_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def fill_the_disk(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        write_picture(tmp_path / "a.png", grey())
    assert list(tmp_path.iterdir()) == []
