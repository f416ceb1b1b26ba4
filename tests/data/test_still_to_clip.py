import pytest
import torch
from torch.nn import functional

from rotoline.data.still_to_clip import _sample_object, sample_scene
from rotoline.data.training_clips import Clip


@pytest.mark.parametrize("kind", ["video", "still"])
def test_frame_and_mask_are_warped_together(clips, make_sampler, kind):
    """The object is far more colourful than its background, before and after."""
    clip = clips[0] if kind == "video" else Clip("still", clips[0].frames[:1], clips[0].labels[:1])
    visible = 0
    for seed in range(8):
        scene = sample_scene(clip, (64, 96), 3, 10, make_sampler(seed))
        assert scene.shape == (5, 5, 64, 96)
        assert (scene[:, 4] == 1).all()
        inside = scene[:, 3] > 0.5
        assert torch.equal(scene[:, 3], inside.float())
        colourful = scene[:, :3].amax(1) - scene[:, :3].amin(1) > 110
        # Nothing of the object stays behind where it was cut out.
        assert (colourful != inside).float().mean() < 0.02
        visible += bool(inside.any((1, 2)).all())
        assert not torch.equal(scene[1], scene[4])
    assert visible > 4


def test_drawn_object_of_a_still_is_one_of_those_in_it(make_clip, make_sampler):
    pictures, labels = make_clip(frames=1, ids=(1, 2))
    frame = torch.from_numpy(pictures[0]).permute(2, 0, 1)
    clip = Clip("still", [frame], [torch.from_numpy(labels[0])])
    seen = set()
    for seed in range(12):
        scene = sample_scene(clip, (64, 96), 1, 10, make_sampler(seed))
        colours = scene[:, :3].permute(0, 2, 3, 1)[scene[:, 3] > 0.5]
        if len(colours) > 50:  # the first is red, the second blue
            share = float((colours[:, 0] > colours[:, 2]).float().mean())
            assert min(share, 1 - share) < 0.1
            seen.add(round(share))
    assert seen == {0, 1}


@pytest.mark.parametrize("kind", ["video", "still"])
def test_unknown_pixels_are_marked_where_they_are_seen(clips, make_sampler, kind):
    """A ring around the object is unknown, and as colourful as the object."""
    count = 5 if kind == "video" else 1
    frames, labels = clips[0].frames[:count], []
    for label in clips[0].labels[:count]:
        inner = -functional.max_pool2d(-(label > 0)[None].float(), 9, stride=1, padding=4)[0]
        labels.append(torch.where(inner > 0, label, label.clamp(max=1) * 255))
    clip = Clip(kind, frames, labels)
    unknown = 0
    for seed in range(8):
        scene = sample_scene(clip, (64, 96), 3, 10, make_sampler(seed))
        is_object, known = scene[:, 3] > 0.5, scene[:, 4] > 0.5
        colourful = scene[:, :3].amax(1) - scene[:, :3].amin(1) > 110
        # Whatever is known to be no object does not look like it.
        assert (colourful & known & ~is_object).float().mean() < 0.02
        assert not (is_object & ~known).float().mean() > 0.02
        unknown += bool((~known).any())
    assert unknown > 4


def test_unknown_label_is_never_the_object(clips, make_sampler):
    label = torch.full_like(clips[0].labels[0], 255)
    label[:20, :20] = 4
    clip = Clip("still", clips[0].frames[:1], [label])
    for seed in range(6):
        scene = sample_scene(clip, (64, 96), 1, 10, make_sampler(seed))
        assert scene[:, 3].mean() < 0.5


def test_garments_are_one_person_or_one_garment(make_clip, make_sampler):
    pictures, labels = make_clip(frames=1, ids=(1, 2))
    frame = torch.from_numpy(pictures[0]).permute(2, 0, 1)
    clip = Clip("still", [frame], [torch.from_numpy(labels[0])], "clothing", "garments")
    sampled = [_sample_object(clip, 0, make_sampler(seed))(0) for seed in range(40)]
    whole = [bool((mask == (clip.labels[0] > 0)).all()) for mask in sampled]
    assert 0.4 < sum(whole) / len(whole) < 0.8
