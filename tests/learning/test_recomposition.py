"""Clips recomposed from annotated frames."""

import pytest
import torch

from rotoline.learning.recomposition import (
    MAX_OBJECTS,
    MIN_PIXELS,
    AnnotatedPicture,
    recompose,
)

SIZE = (64, 96)
NAMES = ("frames", "masks", "others", "previous_masks", "uses_memory", "coarseness")


def draw(boxes, size=(120, 160), grey=90):
    """A grey picture with a box of its own brightness for each object, by index."""
    generator = torch.Generator().manual_seed(0)
    pixels = (grey + 20 * torch.rand(3, *size, generator=generator)).byte()
    labels = torch.zeros(size, dtype=torch.uint8)
    for k, (rows, columns) in boxes.items():
        labels[slice(*rows), slice(*columns)] = k + 1
        pixels[:, slice(*rows), slice(*columns)] = 150 + 10 * k
    return AnnotatedPicture(pixels, labels)


def row_of_boxes(count):
    return {k: ((40, 80), (5 + 30 * k, 28 + 30 * k)) for k in range(count)}


def make(annotated, count=12, seed=0, size=SIZE):
    return list(recompose(annotated, size, count=count, seed=seed))


@pytest.mark.parametrize("objects", [1, 5])
def test_clips_have_the_documented_shapes_and_ranges(objects):
    clips = make([draw(row_of_boxes(objects))])
    assert len(clips) == 12
    for clip in clips:
        episode, count = clip.episode, len(clip.objects)
        assert 1 <= count <= MAX_OBJECTS
        assert clip.objects == sorted(set(clip.objects))
        assert episode.frames.shape[1:] == (3, *SIZE)
        assert 0 <= episode.frames.min() < episode.frames.max() <= 255
        assert episode.masks.shape == (count, len(episode.frames), *SIZE)
        assert episode.previous_masks.shape == episode.others.shape == (count, *SIZE)
        for masks in (episode.masks, episode.others, episode.previous_masks):
            assert set(masks.unique().tolist()) <= {0.0, 1.0}
        # Objects overlap neither each other nor what is called another object.
        assert episode.masks.sum(0).max() <= 1
        assert (episode.masks[:, 0] * episode.others).max() == 0
        assert (episode.masks[:, 0].flatten(1).sum(1) >= MIN_PIXELS).all()


def test_masks_are_where_the_objects_are():
    """Objects are brighter than everything else, unless the light changes very much."""
    for clip in make([draw(row_of_boxes(2), grey=20)]):
        inside = clip.episode.masks.amax(0)[:, None].expand_as(clip.episode.frames) > 0
        brightness = clip.episode.frames
        for frame, mask in zip(brightness, inside, strict=True):
            if mask.any() and not mask.all():
                assert frame[mask].mean() > 1.5 * frame[~mask].mean()


def test_clips_follow_from_the_seed():
    annotated = [draw(row_of_boxes(3))]
    state = torch.get_rng_state()
    first, again, other = (make(annotated, 3, seed) for seed in (0, 0, 1))
    for one, same in zip(first, again, strict=True):
        assert one.objects == same.objects
        for name in NAMES:
            assert torch.equal(
                *(torch.as_tensor(getattr(clip.episode, name)) for clip in (one, same))
            )
    assert not torch.equal(first[0].episode.frames, other[0].episode.frames)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("objects", [1, 5, 9])
def test_every_object_is_shown_about_equally_often(objects):
    boxes = {
        k: ((10 + 35 * (k // 3), 30 + 35 * (k // 3)), (10 + 50 * (k % 3), 30 + 50 * (k % 3)))
        for k in range(objects)
    }
    if objects > 4:  # one of few pixels among large ones
        boxes[4] = ((50, 56), (64, 70))
    shown = [0] * objects
    for clip in make([draw(boxes)], count=10):
        for k in clip.objects:
            shown[k] += 1
    assert min(shown) >= 2
    assert max(shown) <= 10 - (objects > 4)


def test_objects_move_by_themselves_or_all_together():
    """The distance between two objects changes only if they move by themselves."""
    changes = []
    for clip in make(
        [draw({0: ((40, 80), (40, 70)), 1: ((40, 80), (90, 120))})], 20, size=(96, 128)
    ):
        if len(clip.objects) == 2:
            centres = [
                mask.nonzero().float().mean(0) for mask in clip.episode.masks[:, 1:].flatten(0, 1)
            ]
            count = len(centres) // 2
            apart = [
                (one - other).norm()
                for one, other in zip(centres[:count], centres[count:], strict=True)
            ]
            changes.append(float(max(apart) - min(apart)))
    assert sum(change > 4 for change in changes) >= 3


def test_an_object_is_learned_only_where_both_frames_show_it():
    """What a frame shows that its user did not mark is not called background."""
    boxes = row_of_boxes(2)
    first, second = draw(boxes), draw({0: boxes[0]})
    pairs = make([first, second], count=30)
    assert {tuple(clip.objects) for clip in pairs} >= {(0,), (0, 1)}
    apart = make([draw({0: boxes[0]}), draw({1: boxes[1]})], count=10)
    assert {tuple(clip.objects) for clip in apart} == {(0,), (1,)}
    # Object 1 is in frames of the second picture, without being marked there.
    assert all(clip.episode.masks.shape[0] == 1 for clip in apart)


def test_real_pairs_show_the_object_at_about_the_same_place():
    far = [draw({0: ((10, 40), (10, 40))}), draw({0: ((80, 110), (110, 140))})]
    for clip in make(far, count=10):
        assert clip.episode.masks[0, 1].any()


def test_tiny_pictures_and_objects_of_few_pixels():
    tiny = make(
        [draw({0: ((20, 40), (20, 40)), 1: ((52, 53), (52, 53))}, size=(64, 64))], 8, size=(96, 128)
    )
    assert {tuple(clip.objects) for clip in tiny} == {(0,)}
    assert make([draw({0: ((2, 3), (2, 4))}, size=(64, 64))], 3) == []
    everything = draw({0: ((0, 64), (0, 64))}, size=(64, 64))
    assert len(make([everything], 3)) == 3
