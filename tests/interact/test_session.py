"""Marking single frames by strokes, with the weights that ship."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rotoline
from rotoline.errors import ConfigError, InputError
from rotoline.interact import Session, Stroke
from rotoline.interact import session as sessions
from rotoline.types import FrameResult

SIZE = (192, 256)
RED, BLUE = (96, 70), (96, 186)


def disc(place, radius=40):
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return np.hypot(rows - place[0], cols - place[1]) < radius


@pytest.fixture(scope="module")
def frame():
    """Two discs on a plain ground."""
    generator = np.random.default_rng(0)
    frame = np.full((*SIZE, 3), (90, 120, 80), np.uint8)
    frame = frame + generator.integers(0, 20, frame.shape, dtype=np.uint8)
    frame[disc(RED)], frame[disc(BLUE)] = (210, 70, 50), (40, 70, 220)
    return frame


@pytest.fixture(scope="module")
def truth():
    return (disc(RED) + 2 * disc(BLUE)).astype(np.uint8)


@pytest.fixture
def session(model):
    config = rotoline.FAST.model_copy(update={"working_pixels": 192 * 256})
    return Session(model, SIZE, config=config)


def line(place, *, length=24, is_object=True, radius=3, tool="stroke"):
    row, col = place
    points = ((col - length, row), (col + length, row))
    return Stroke(tool=tool, is_object=is_object, radius=radius, points=points)


GROUND = line((15, 128), length=110, is_object=False)


def iou(found, expected):
    return (found & expected).sum() / (found | expected).sum()


def test_strokes_give_the_objects_of_one_frame(session, frame, truth):
    labels = session.solve(0, frame, {1: [line(RED), GROUND], 7: [line(BLUE), GROUND]})
    assert labels.dtype == np.uint8
    assert labels.shape == SIZE
    assert iou(labels == 1, truth == 1) > 0.9
    assert iou(labels == 7, truth == 2) > 0.9
    again = session.solve(0, frame, {7: [line(BLUE), GROUND], 1: [line(RED), GROUND]})
    np.testing.assert_array_equal(again, labels)


def test_box_gives_the_object_in_it_and_nothing_outside(session, frame, truth):
    box = Stroke(tool="box", points=((24, 50), (116, 142)))
    labels = session.solve(0, frame, {1: [box]})
    assert iou(labels == 1, truth == 1) > 0.9
    assert not labels[:, 116:].any()


def test_click_is_a_short_stroke(session, frame, truth):
    click = Stroke(tool="stroke", radius=4, points=((70, 96),))
    labels = session.solve(0, frame, {1: [click, GROUND]})
    assert iou(labels == 1, truth == 1) > 0.8


def test_exact_tools_change_exactly_their_pixels_and_need_no_network(session, frame, truth):
    def refuse(*_):
        raise AssertionError

    session._look = refuse
    brush, eraser = line(RED, tool="brush"), line((96, 80), tool="eraser", length=2)
    labels = session.solve(0, frame, {1: [brush, eraser]}, current=truth)
    changed = labels != truth
    assert changed.any()
    assert (labels[changed] == 0).all()
    assert (np.abs(np.argwhere(changed) + 0.5 - (96, 80)).max(0) <= (3, 5)).all()
    new = session.solve(0, frame, {3: [line((96, 128), length=90, tool="brush")]}, current=truth)
    taken = new == 3
    assert taken[95, 70]
    assert taken[95, 186]
    np.testing.assert_array_equal(new[~taken], truth[~taken])


def test_pixels_under_strokes_follow_them_also_against_the_masks_of_others(session, frame, truth):
    stroke = line((96, 128), length=80)
    labels = session.solve(0, frame, {3: [stroke, GROUND]}, current=truth)
    assert (labels[94:98, 50:206] == 3).all()
    # Accepted masks of others lose what is under the stroke, and nothing else.
    lost = (truth > 0) & (labels != truth)
    assert (labels[lost] == 3).all()
    assert (np.abs(np.argwhere(lost)[:, 0] + 0.5 - 96) <= 3).all()


def test_locked_objects_keep_every_pixel(session, frame, truth):
    labels = session.solve(
        0, frame, {3: [line((96, 128), length=80), GROUND], 2: [GROUND]}, current=truth, locked={2}
    )
    np.testing.assert_array_equal(labels == 2, truth == 2)
    assert (labels == 3).any()


def test_only_the_object_that_was_drawn_changes(session, frame):
    first = session.solve(0, frame, {1: [line(RED), GROUND], 2: [line(BLUE), GROUND]})
    more = {1: [line(RED), GROUND], 2: [line(BLUE), GROUND, line((150, 186), is_object=False)]}
    second = session.solve(0, frame, more, current=first, changing={2})
    taken = second == 2
    np.testing.assert_array_equal((second == 1)[~taken], (first == 1)[~taken])


def test_stroke_on_a_result_changes_the_regions_that_it_touches(session, frame, truth):
    wrong = truth.copy()
    wrong[96:, :] = np.where(truth[96:] == 1, 0, truth[96:])  # half of the red disc is missing
    wrong[20:30, 230:240] = 1  # and something else is wrong
    logits = torch.stack(
        [
            torch.nn.functional.interpolate(
                torch.from_numpy(16.0 * (wrong == i) - 8)[None, None].float(),
                size=(48, 64),
                mode="area",
            )[0, 0]
            for i in (1, 2)
        ]
    )
    result = FrameResult(index=5, labels=wrong, confidence={1: 0.5, 2: 0.9}, logits=logits)
    session.teach({0: truth}, {0: frame})
    stroke = line((115, 70), length=15)
    labels = session.solve(5, frame, {1: [stroke]}, current=wrong, result=result)
    assert iou((labels == 1)[:, :200], (truth == 1)[:, :200]) > 0.9
    assert (labels[20:30, 230:240] == 1).all()
    np.testing.assert_array_equal(labels == 2, wrong == 2)
    rub = Stroke(tool="stroke", is_object=False, radius=3, points=((235, 25),))
    labels = session.solve(5, frame, {1: [stroke, rub]}, current=wrong, result=result)
    assert not (labels[20:30, 230:240] == 1).any()


def test_accepted_masks_of_other_frames_need_few_strokes_here(session, frame, truth):
    moved = np.roll(frame, 20, axis=1)
    session.teach({0: truth}, {0: frame})
    click = Stroke(tool="stroke", radius=2, points=((90, 96),))
    labels = session.solve(1, moved, {1: [click]})
    assert iou(labels == 1, np.roll(truth == 1, 20, axis=1)) > 0.9
    with pytest.raises(InputError, match="frame 3 has an accepted mask"):
        session.teach({0: truth, 3: truth}, {0: frame})
    session.teach({}, {})
    assert not session._taught


def test_features_of_a_frame_are_computed_once_and_forgotten_in_the_end(
    session, frame, monkeypatch
):
    asked = []
    encoder = session._net.encoder.forward
    monkeypatch.setattr(session._net.encoder, "forward", lambda x: asked.append(1) or encoder(x))
    monkeypatch.setattr(sessions, "KEPT_FRAMES", 2)
    session.look(0, frame)
    for _ in range(2):
        session.solve(0, frame, {1: [line(RED), GROUND]})
    assert len(asked) == 1
    session.look(1, frame)
    session.look(0, frame)
    session.look(2, frame)
    assert set(session._features) == {0, 2}


def test_what_cannot_be_used_is_refused(session, model, frame, truth):
    other = replace(model, system=object(), config=rotoline.PAPER)
    with pytest.raises(ConfigError, match="the preset paper, which finds no masks from strokes"):
        Session(other, SIZE)
    with pytest.raises(ConfigError, match="the settings belong to the preset paper"):
        Session(model, SIZE, config=rotoline.PAPER)
    with pytest.raises(InputError, match="object 255 has strokes"):
        session.solve(0, frame, {255: [GROUND]})
    with pytest.raises(InputError, match="frame 0 is 100x50"):
        session.solve(0, np.zeros((50, 100, 3), np.uint8), {1: [GROUND]})
    with pytest.raises(InputError, match="the present mask of frame 0 is 256x100"):
        session.solve(0, frame, {1: [GROUND]}, current=truth[:100])
