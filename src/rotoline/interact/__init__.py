"""Mark objects in single frames by strokes, and track them: what a person does, without a server.

    session = Session(rotoline.load_model(), frames.size)
    labels = session.solve(0, frame, {1: [Stroke(tool="stroke", radius=4, points=points)]})
    spans = plan_spans({1: [0]}, [1], 0, frames.count, "both")
    for step in session.track(frames, {0: labels}, spans, {}, {}):
        ...

A *stroke* is what was drawn, in continuous pixels of the frame: its top left corner is (0, 0), the
centre of its first pixel is (0.5, 0.5). A *mark* is a frame in which an object has strokes or an
accepted mask. A *result* is the mask of a frame that was tracked. See docs/how-to/interact.md.
"""

from rotoline.interact.session import Session
from rotoline.interact.strokes import Hints, Stroke, apply_exact, draw_hints
from rotoline.spans import Direction, Span, plan_spans

__all__ = [
    "Direction",
    "Hints",
    "Session",
    "Span",
    "Stroke",
    "apply_exact",
    "draw_hints",
    "plan_spans",
]
