import torch

from rotoline.data.scenes import Layer, Scene, Shot, draw
from rotoline.learning.geometry import translation

SIZE = (20, 30)
RED, GREEN = (torch.tensor(colour).float()[:, None, None] for colour in ((250, 0, 0), (0, 250, 0)))


def shot(colour, box, object_id, count=3):
    """A black picture of 40 x 60 with a coloured box (top, bottom, left, right)."""
    labels = torch.zeros(40, 60, dtype=torch.uint8)
    top, bottom, left, right = box
    labels[top:bottom, left:right] = object_id
    pixels = torch.where(labels > 0, colour, torch.zeros(3, 1, 1))
    return Shot([0] * count, {0: pixels}, {0: labels}, is_still=True)


def scene(**changes):
    """The view is the upper left quarter of a picture with a red box, whose id is 7."""
    count = 3
    background = shot(RED, (5, 10, 5, 10), 7)
    return Scene(background=background, tracked=[7], views=[torch.eye(3)] * count, **changes)


def green_layer(label, places, **changes):
    return Layer(
        shot=shot(GREEN, (0, 8, 0, 8), 2), object_id=2, label=label, places=places, **changes
    )


def test_labels_follow_the_pixels_when_the_camera_moves():
    still = scene()
    moving = Scene(
        background=still.background,
        tracked=[7],
        views=[translation(0, 0), translation(3, 2), translation(40, 10)],
    )
    drawn = draw(moving, SIZE)
    for (pixels, labels), (row, column) in zip(drawn, ((5, 5), (3, 2)), strict=False):
        expected = torch.zeros(SIZE, dtype=torch.int64)
        expected[row : row + 5, column : column + 5] = 1
        assert torch.equal(labels, expected)
        assert torch.equal(pixels[0] > 125, expected == 1)
    assert not drawn[2][1].any()


def test_objects_that_are_not_tracked_have_no_label():
    """Neither one of the background nor one that is pasted; but it hides what is behind it."""
    background = scene().background
    labels = background.labels[0].clone()
    labels[5:10, 15:20] = 9
    pixels = torch.where(labels > 0, RED, torch.zeros(3, 1, 1))
    background = Shot([0, 0], {0: pixels}, {0: labels}, is_still=True)
    lookalike = Layer(
        shot=background, object_id=7, label=0, places=[translation(-3, 0), translation(0, -8)]
    )
    drawn = draw(
        Scene(background=background, tracked=[7], views=[torch.eye(3)] * 2, layers=[lookalike]),
        SIZE,
    )
    assert [int((labels == 1).sum()) for _, labels in drawn] == [15, 25]
    assert all(labels.unique().tolist() == [0, 1] for _, labels in drawn)
    assert [int((pixels[0] > 100).sum()) for pixels, _ in drawn] == [65, 75]


def test_pasted_object_is_in_front_and_hidden_for_a_while():
    drawn = draw(scene(layers=[green_layer(2, [torch.eye(3)] * 3, hidden=range(1, 2))]), SIZE)
    assert [int((labels == 2).sum()) for _, labels in drawn] == [64, 0, 64]
    assert [int((labels == 1).sum()) for _, labels in drawn] == [16, 25, 16]
    assert drawn[0][0][1, 2, 2] == 250


def test_pasted_object_at_the_border_of_its_picture_is_shown_once():
    place = translation(-15, -6)
    [(_, labels), *_] = draw(scene(layers=[green_layer(2, [place] * 3)]), SIZE)
    rows, columns = (labels == 2).nonzero(as_tuple=True)
    assert (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())) == (
        6,
        13,
        15,
        22,
    )
    far = draw(scene(layers=[green_layer(2, [translation(-500, 0)] * 3)]), SIZE)
    assert not any((labels == 2).any() for _, labels in far)


def test_unknown_pixels_stay_unknown_unless_something_is_in_front():
    known = scene().background
    labels = known.labels[0].clone()
    labels[0:4, 0:20] = 255
    background = Shot([0], known.pixels, {0: labels}, is_still=True)
    layer = green_layer(2, [torch.eye(3)])
    views = [torch.eye(3)]
    [(_, bare)] = draw(Scene(background=background, tracked=[7], views=views), SIZE)
    [(_, covered)] = draw(
        Scene(background=background, tracked=[7], views=views, layers=[layer]), SIZE
    )
    assert int((bare == 255).sum()) == 80
    assert int((covered == 255).sum()) == 48
    assert (covered[:4, :8] == 2).all()


def test_unknown_pixels_are_not_pasted():
    green = green_layer(2, [torch.eye(3)]).shot
    labels = green.labels[0].clone()
    labels[0:8, 6:8] = 255
    layer = Layer(
        shot=Shot([0], green.pixels, {0: labels}, is_still=True),
        object_id=2,
        label=2,
        places=[torch.eye(3)],
    )
    [(_, found), *_] = draw(
        Scene(background=scene().background, tracked=[], views=[torch.eye(3)], layers=[layer]), SIZE
    )
    assert int((found == 2).sum()) == 48
    assert not (found == 255).any()


def test_reduced_shot_keeps_pixels_and_labels_together():
    whole = shot(RED, (8, 20, 12, 32), 3)
    half = whole.reduced(4)
    assert half.pixels[0].shape[1:] == half.labels[0].shape == (10, 15)
    assert torch.equal(half.labels[0] == 3, half.pixels[0][0] > 125)
    assert shot(RED, (8, 20, 12, 32), 3).reduced(7).labels[0].shape == (5, 8)
