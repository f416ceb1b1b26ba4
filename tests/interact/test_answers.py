"""Who gets which pixel, from maps that are given."""

import numpy as np

from rotoline.interact.answers import Scene, draw, settle
from rotoline.interact.strokes import Stroke

SIZE = (40, 60)


def test_stroke_through_a_part_of_its_own_removes_it_and_at_an_edge_it_does_not():
    body, part = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    body[5:35, 5:30], part[10:20, 45:55] = True, True
    logits = np.where(body | part, np.float32(5), np.float32(-5))
    scene = Scene((body | part).astype(np.uint8), {1: body | part}, (), 0.5, lambda _: None)

    def found_after(*strokes):
        drawn = {1: draw(strokes, SIZE)}
        return settle(scene, drawn, {1: logits}, [1]) == 1

    through = Stroke(tool="stroke", is_object=False, radius=1.5, points=((47, 15), (53, 15)))
    np.testing.assert_array_equal(found_after(through), body)

    at_edge = Stroke(tool="stroke", is_object=False, radius=0.5, points=((45, 10.5), (54, 10.5)))
    assert found_after(at_edge)[11:20, 45:55].all()

    wanted = Stroke(tool="stroke", radius=0.5, points=((50, 18.5),))
    assert found_after(through, wanted)[18, 45:55].all()

    in_body = Stroke(tool="stroke", is_object=False, radius=8, points=((17, 10), (17, 30)))
    assert found_after(in_body)[5:35, 5:9].all()
