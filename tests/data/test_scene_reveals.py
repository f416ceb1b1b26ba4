"""Parts of objects that come into view after the frames that are known."""

import math

import pytest
import torch

from rotoline.data import scene_planner
from rotoline.data.episode_maker import EpisodeMaker
from rotoline.data.objects import ObjectView
from rotoline.data.scene_planner import BESIDE
from rotoline.data.scene_plans import LENGTH, Motion
from rotoline.data.scene_reveals import FIRST_FRAMES, OVER_EDGE, sample_pan, slide_off
from rotoline.data.scene_views import place_in_frame, radius_in_frame, sample_view
from rotoline.data.training_clips import Clip

SIZE = (64, 96)


def square(side=40, at=(60.0, 50.0)):
    """An object of a picture, in the middle of which there is a square."""
    corners = torch.tensor([(x, y) for x in (-1, 1) for y in (-1, 1)]) * side / 2
    return ObjectView(1, float(side**2), corners + torch.tensor(at))


def test_camera_shows_the_object_at_an_edge_first_and_its_own_view_at_the_end(make_sampler):
    focus = square()
    for seed in range(40):
        sampler = make_sampler(seed)
        view = sample_view(focus, (100, 120), SIZE, sampler)
        pan = sample_pan(focus, view, SIZE, sampler)
        radius = radius_in_frame(view, focus)
        for motion in pan[:FIRST_FRAMES]:
            x, y = place_in_frame(view @ motion, focus.centre)
            beyond = min(abs(x), abs(y), abs(SIZE[1] - x), abs(SIZE[0] - y))
            assert beyond <= OVER_EDGE * radius + 1e-3
        assert torch.equal(pan[-1], torch.eye(3))


def test_what_slides_off_is_in_place_until_the_targets(make_sampler):
    motion = Motion([torch.eye(3)] * LENGTH, [torch.zeros(2, 4, 6)] * LENGTH)
    views = slide_off(motion, 30.0, make_sampler(1)).views
    gone = [float(view[:2, 2].norm()) for view in views]
    assert gone == pytest.approx([0, 0, 10, 20, 30], abs=1e-4)


@pytest.mark.parametrize("share", ["PAN_SHARE", "COVER_SHARE"])
def test_first_frames_show_less_of_an_object_than_the_last(share, monkeypatch):
    still = Clip(
        "coco-instances/a",
        [torch.randint(0, 256, (3, 100, 120), dtype=torch.uint8)],
        [torch.zeros(100, 120, dtype=torch.uint8)],
    )
    still.labels[0][30:70, 40:80] = 1
    monkeypatch.setattr(scene_planner, "PASTED_COUNTS", (0,))
    monkeypatch.setattr(scene_planner, "HIDDEN_SHARE", 0.0)
    areas = {}
    for value in (0.0, 1.0):
        for name in ("PAN_SHARE", "COVER_SHARE"):
            monkeypatch.setattr(scene_planner, name, value if name == share else 0.0)
        maker = EpisodeMaker.of([still], 7, SIZE, torch.device("cpu"))
        areas[value] = maker.make(range(30), 0.5).masks.sum((0, 2, 3))
    shown = areas[1.0] / areas[0.0]
    assert shown[0] < 0.8
    assert shown[1] < 0.8
    assert shown[-1] > 0.9


def test_pasted_objects_are_often_next_to_the_first_object(monkeypatch, make_sampler):
    """Near enough to touch it, so that a network learns what of its surroundings is another."""
    clip = Clip(
        "coco-instances/a",
        [torch.zeros(3, 100, 120, dtype=torch.uint8)],
        [torch.zeros(100, 120, dtype=torch.uint8)],
    )
    clip.labels[0][40:60, 50:70] = 1
    monkeypatch.setattr(scene_planner, "PASTED_COUNTS", (1,))
    for name in ("PAN_SHARE", "COVER_SHARE", "EXCHANGE_SHARE", "TOGETHER_SHARE"):
        monkeypatch.setattr(scene_planner, name, 0.0)
    ratios = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(scene_planner, "BESIDE_SHARE", share)
        planner = scene_planner.ScenePlanner.of([clip], SIZE)
        (seen,) = planner.index[0]
        found = []
        for seed in range(40):
            _, own, pasted = planner.plan(make_sampler(seed), 0.5).layers
            places = [place_in_frame(one.motion.views[0], seen.centre) for one in (own, pasted)]
            radii = [radius_in_frame(one.motion.views[0], seen) for one in (own, pasted)]
            found.append(math.dist(*places) / sum(radii))
        ratios[share] = sorted(found)[20]
    assert ratios[1.0] < BESIDE[1] < ratios[0.0]
