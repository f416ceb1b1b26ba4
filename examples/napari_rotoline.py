"""Mark objects with napari's own brush, and track them through a video with rotoline.

    pip install rotoline 'napari[pyqt6]'
    python examples/napari_rotoline.py VIDEO

Paint in a frame with napari's brush, polygon and fill; each label is an object. Every frame that
you paint in is a mask as it stands: of all objects that it shows. Then press

    T         to track all objects through the whole video, in both directions
    Shift-T   to track the selected label again, from this frame to the neighbouring painted ones
    C         to cancel; what is there stays

Masks appear frame by frame, and you can go on painting meanwhile. The whole video is held in
memory, so this is for short ones; `rotoline studio` is for long ones.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import rotoline
from rotoline.interact import Session, plan_spans
from rotoline.pipeline import Step


class Tracking:
    """What happens between a Labels layer and rotoline; it needs no window.

    Args:
        frames: RGB, uint8 `(T, H, W, 3)`.
        labels: napari's layer of uint8 `(T, H, W)`.
        session: For frames of that size.
        dims: napari's `Dims`, which say what frame is shown: only that one can be painted in.
    """

    def __init__(self, frames: np.ndarray, labels: Any, session: Session, dims: Any) -> None:
        self.frames, self.labels, self.session = frames, labels, session
        self.painted: set[int] = set()
        self.results: dict[int, rotoline.FrameResult] = {}
        labels.events.paint.connect(lambda _: self.painted.add(dims.current_step[0]))

    def track(self, *, only: int | None = None, frame: int = 0) -> Iterator[Step]:
        """Track all objects through the whole video, or one of them around a frame."""
        masks = {index: np.array(self.labels.data[index]) for index in sorted(self.painted)}
        shown = {index: set(np.unique(mask).tolist()) - {0} for index, mask in masks.items()}
        ids = sorted(set().union(*shown.values())) if only is None else [only]
        marks = {one: [index for index in shown if one in shown[index]] for one in ids}
        direction = "both" if only is None else "to the next mark"
        spans = plan_spans(marks, ids, frame, len(self.frames), direction)
        known = {} if only is None else self.results
        yield from self.session.track(self.frames, masks, spans, known, {})

    def show(self, step: Step) -> None:
        """Put the result of a frame into the layer; a painted frame stays as it is."""
        if step.result is None:
            return
        self.results[step.result.index] = step.result
        if step.result.index not in self.painted:
            self.labels.data[step.result.index] = step.result.labels
            self.labels.refresh()


def add_to(viewer: Any, frames: np.ndarray, session: Session) -> Tracking:
    """Add the video, a layer to paint in and the keys to a viewer."""
    from napari.qt.threading import thread_worker

    viewer.add_image(frames, rgb=True, name="video")
    labels = viewer.add_labels(np.zeros(frames.shape[:3], np.uint8), name="objects")
    labels.mode, viewer.dims.current_step = "paint", (0, 0, 0)
    tracking, workers = Tracking(frames, labels, session, viewer.dims), []

    def show(step: Step) -> None:
        tracking.show(step)
        if step.progress is not None:
            viewer.status = f"{step.progress.stage} {step.progress.done}/{step.progress.total}"

    def start(steps: Iterator[Step]) -> None:
        if any(worker.is_running for worker in workers):
            viewer.status = "already tracking; C cancels"
            return
        workers[:] = [thread_worker(lambda: (yield from steps), connect={"yielded": show})()]

    def cancel(_: Any) -> None:
        for worker in workers:
            worker.quit()

    def track_around(_: Any) -> None:
        start(tracking.track(only=labels.selected_label, frame=viewer.dims.current_step[0]))

    viewer.bind_key("t", lambda _: start(tracking.track()))
    viewer.bind_key("Shift-T", track_around)
    viewer.bind_key("c", cancel)
    return tracking


if __name__ == "__main__":
    import napari

    video = np.stack(list(rotoline.open_frames(sys.argv[1])))
    add_to(napari.Viewer(title="rotoline"), video, Session(rotoline.load_model(), video.shape[1:3]))
    napari.run()
