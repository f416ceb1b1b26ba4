"""Simulated strokes."""

import torch

from rotoline.data.strokes import draw_strokes, sample_strokes

SIZE = (80, 120)


def two_objects():
    masks = torch.zeros(2, *SIZE)
    masks[0, 10:60, 10:40] = 1
    masks[1, 30:36, 60:110] = 1  # thin
    return masks


def test_every_object_and_the_background_have_strokes_of_their_own(make_sampler):
    masks = two_objects()
    known = torch.ones(SIZE)
    shares = []
    for seed in range(40):
        marked = draw_strokes(masks, known, sample_strokes(2, make_sampler(seed)))
        assert set(marked.unique().tolist()) == {0.0, 1.0}
        for area in (*masks, 1 - masks.amax(0)):
            assert 0 < (marked * area).sum() < area.sum()
        shares.append(float(marked.mean()))
    assert 0.01 < sum(shares) / 40 < 0.2


def test_what_is_not_known_gets_no_stroke_and_an_absent_object_none(make_sampler):
    masks = two_objects()
    masks[1] = 0
    known = torch.ones(SIZE)
    known[:30] = 0
    for seed in range(20):
        marked = draw_strokes(masks, known, sample_strokes(2, make_sampler(seed)))
        assert not marked[:30].any()
        assert (marked * masks[0]).any()


def test_half_of_the_strokes_on_the_background_are_close_to_an_object(make_sampler):
    masks = torch.zeros(1, *SIZE)
    masks[0, 4:14, 4:14] = 1
    far = 0
    for seed in range(60):
        strokes = sample_strokes(1, make_sampler(seed))[1][:1]
        marked = draw_strokes(masks, torch.ones(SIZE), [[], strokes])
        far += bool(marked[50:].any() or marked[:, 50:].any())
    assert 15 < far < 45
