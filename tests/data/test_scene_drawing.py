"""Pictures in memory, and scenes drawn from them."""

from dataclasses import replace

import pytest
import torch

from rotoline.data.picture_pool import LEVELS, PicturePool
from rotoline.data.scene_drawing import PLAIN, TEXTURE, draw_scenes
from rotoline.data.scene_plans import LENGTH, LayerPlan, Motion, ScenePlan
from rotoline.data.stills import UNKNOWN
from rotoline.data.training_clips import Clip
from rotoline.learning.geometry import pixel_centres, translation
from rotoline.learning.warp import warp_labelled

SIZE = (32, 48)


@pytest.fixture
def stills():
    """Two pictures of unequal size with an object each."""
    generator = torch.Generator().manual_seed(1)
    made = []
    for name, (height, width) in (("a/a", (40, 60)), ("b/b", (33, 51))):
        frame = torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
        labels = torch.zeros(height, width, dtype=torch.uint8)
        labels[8:20, 10:30] = 3
        labels[20:24, 10:30] = UNKNOWN
        made.append(Clip(name, [frame], [labels]))
    return made


def still_motion(view):
    return Motion([view] * LENGTH, [torch.zeros(2, 4, 6)] * LENGTH)


def draw(stills, *layers, objects=1):
    drawn = draw_scenes(PicturePool.of(stills), [ScenePlan(layers, objects)], SIZE)
    return drawn.frames[0], drawn.labels[0]


def test_pool_samples_as_a_warp_of_one_picture_does(stills):
    pool = PicturePool.of(stills)
    turned = torch.tensor([[0.913, -0.207, 4.03], [0.311, 1.109, -3.07], [0.0, 0.0, 1.0]])
    centres = pixel_centres(SIZE)
    points = torch.einsum("ij,jhw->ihw", turned[:2, :2], centres) + turned[:2, 2, None, None]
    pictures, levels = torch.tensor([1, 0]), torch.tensor([0, 0])
    colours, labels, within = pool.sample(pictures, levels, points.expand(2, -1, -1, -1))
    for row, picture in enumerate((1, 0)):
        clip = stills[picture]
        expected = warp_labelled(clip.frames[0], clip.labels[0], turned, SIZE)
        torch.testing.assert_close(colours[row], expected[0], rtol=0, atol=0.02)
        assert torch.equal(labels[row].long(), expected[1])
        height, width = clip.labels[0].shape
        inside = (points[0] >= 0) & (points[0] < width) & (points[1] >= 0) & (points[1] < height)
        assert torch.equal(within[row], inside)


def test_smaller_sizes_are_means_of_the_full_one():
    """A ramp is the same ramp at every size, away from its ends."""
    ramp = torch.arange(64, dtype=torch.uint8).expand(3, 32, 64).contiguous() * 4
    pool = PicturePool.of([Clip("a/a", [ramp], [(ramp[0] > 100).byte()])])
    points = torch.stack(
        torch.meshgrid(torch.arange(8.0, 56), torch.arange(8.0, 24), indexing="xy")
    )
    levels = torch.arange(LEVELS)
    colours, labels, within = pool.sample(
        torch.zeros(LEVELS, dtype=torch.int64), levels, points.expand(LEVELS, -1, -1, -1)
    )
    assert within.all()
    for level in range(1, LEVELS):
        torch.testing.assert_close(colours[level], colours[0], rtol=0, atol=1.0)
        assert (labels[level] != labels[0]).float().mean() < 0.05


def test_object_is_pasted_where_the_plan_says(stills):
    background = LayerPlan(pictures=[0] * LENGTH, motion=still_motion(torch.eye(3)), labels={3: 1})
    moved = still_motion(translation(-5, 4))
    pasted = LayerPlan(pictures=[1] * LENGTH, motion=moved, labels={3: 2}, hidden=(2,))
    frames, labels = draw(stills, background, pasted, objects=2)
    expected = torch.zeros(SIZE, dtype=torch.uint8)
    expected[8:20, 10:30] = 1
    assert torch.equal(labels[2], expected)  # where it is hidden
    expected[4:16, 15:35] = 2
    assert torch.equal(labels[0], expected)
    inner = stills[1].frames[0][:, 10:18, 12:28].float()
    torch.testing.assert_close(frames[0, :, 6:14, 17:33], inner)
    outside = stills[0].frames[0][:, : SIZE[0], : SIZE[1]].float()
    torch.testing.assert_close(frames[0, :, 24:, :14], outside[:, 24:, :14])


def test_texture_is_seen_on_the_object_alone_and_moves_with_it(stills):
    background = LayerPlan(pictures=[0] * LENGTH, motion=still_motion(torch.eye(3)), labels={})
    views = [translation(-t, 0) for t in range(LENGTH)]
    motion = Motion(views, still_motion(torch.eye(3)).bends)
    layer = LayerPlan(pictures=[1] * LENGTH, motion=motion, labels={3: 1})
    plain, labels = draw(stills, background, layer)
    textured, same = draw(stills, background, replace(layer, texture=0))
    assert torch.equal(labels, same)
    for t in range(LENGTH):
        # The frame of the object reads both pictures at the same place.
        own, other = (stills[n].frames[0][:, 10:18, 12:28].float() for n in (1, 0))
        torch.testing.assert_close(
            textured[t, :, 10:18, 12 + t : 28 + t], torch.lerp(own, other, TEXTURE)
        )
    torch.testing.assert_close(textured[:, :, 26:], plain[:, :, 26:])


def test_plain_layer_has_nearly_one_colour_and_a_plain_background_shows_no_things(stills):
    colour = (200.0, 40.0, 90.0)
    motion = still_motion(torch.eye(3))
    background = LayerPlan(pictures=[0] * LENGTH, motion=motion, labels={}, colour=colour)
    layer = LayerPlan(pictures=[1] * LENGTH, motion=motion, labels={3: 1}, colour=colour)
    plans = [ScenePlan((background, layer), 1)]
    drawn = draw_scenes(PicturePool.of(stills), plans, SIZE)
    ahead = torch.tensor(colour)[None, None, :, None, None]
    assert (drawn.frames - ahead).abs().max() <= (1 - PLAIN) * 255
    assert torch.equal(drawn.things > 0, drawn.labels == 1)


def test_unknown_moves_with_the_object_and_is_no_object(stills):
    background = LayerPlan(pictures=[0] * LENGTH, motion=still_motion(torch.eye(3)), labels={})
    pasted = LayerPlan(
        pictures=[1] * LENGTH,
        motion=still_motion(translation(0, 4)),
        labels={3: 1, UNKNOWN: UNKNOWN},
    )
    _, labels = draw(stills, background, pasted)
    assert (labels[:, 4:16, 10:30] == 1).all()
    assert (labels[:, 16:20, 10:30] == UNKNOWN).all()
    assert not labels[:, 20:].any()


def test_things_are_all_objects_tracked_or_not(stills):
    background = LayerPlan(pictures=[0] * LENGTH, motion=still_motion(torch.eye(3)), labels={})
    pasted = LayerPlan(
        pictures=[1] * LENGTH, motion=still_motion(translation(-14, 4)), labels={3: 1}
    )
    plans = [ScenePlan((background, pasted), 1)]
    things = draw_scenes(PicturePool.of(stills), plans, SIZE).things[0]
    expected = torch.zeros(SIZE)
    expected[8:20, 10:30] = expected[4:16, 24:44] = 1
    assert torch.equal(things, expected.expand_as(things))


def test_cut_object_is_filled_and_no_longer_there(stills):
    plain = stills[0].frames[0].clone()
    plain[:] = 90
    plain[:, stills[0].labels[0] > 0] = 250
    clip = Clip("a/a", [plain], stills[0].labels)
    layer = LayerPlan(
        pictures=[0] * LENGTH, motion=still_motion(torch.eye(3)), labels={}, cut=(3, UNKNOWN)
    )
    frames, labels = draw([clip], layer)
    assert not labels.any()
    torch.testing.assert_close(frames, torch.full_like(frames, 90.0), rtol=0, atol=1.0)


def test_mirror_image_of_an_object_is_unknown(stills):
    """Beyond the border of a picture nobody can say whether the object goes on."""
    layer = LayerPlan(
        pictures=[0] * LENGTH, motion=still_motion(translation(-20, 0)), labels={3: 1}
    )
    _, labels = draw(stills, layer)
    assert (labels[0, 8:20, 30:48] == 1).all()
    assert set(labels[0, :, :20].unique().tolist()) == {0, UNKNOWN}
