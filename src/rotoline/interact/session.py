"""A session: marks objects in single frames of one clip, and tracks them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from rotoline.interact.strokes import Stroke
from rotoline.model import Model
from rotoline.pipeline import MapStore, Step
from rotoline.spans import Span
from rotoline.systems.protocol import SystemConfig
from rotoline.types import Frame, FrameResult, LabelMap, ObjectId


class Session:
    """Marks objects in single frames and tracks them; for one clip. One thread owns it.

    Args:
        model: Loaded weights of the preset `fast`.
        size: Height and width of the frames.
        config: Settings; the defaults of the preset if None.

    Raises:
        ConfigError: The model or the settings belong to another preset.
    """

    def __init__(
        self, model: Model, size: tuple[int, int], *, config: SystemConfig | None = None
    ) -> None:
        raise NotImplementedError

    def look(self, index: int, frame: Frame) -> None:
        """Prepare a frame before a stroke comes: what takes longest of the first `solve` in it.

        Args:
            index: Of the frame. The last 16 frames are remembered by it.
            frame: RGB, uint8 `(H, W, 3)`.
        """
        raise NotImplementedError

    def solve(  # noqa: PLR0913 (what is known of the frame)
        self,
        index: int,
        frame: Frame,
        strokes: Mapping[ObjectId, Sequence[Stroke]],
        *,
        current: LabelMap | None = None,
        result: FrameResult | None = None,
        locked: Collection[ObjectId] = (),
        changing: Collection[ObjectId] | None = None,
    ) -> LabelMap:
        """Find the masks of objects from their strokes.

        The masks depend on the arguments and on what `teach` was told alone: strokes drawn one
        after the other are given all together, every time.

        Args:
            index: Of the frame.
            frame: RGB, uint8 `(H, W, 3)`.
            strokes: All strokes of the frame, by object, in the order in which they were drawn. A
                stroke of one object says of all others that they are not there.
            current: The masks that the frame has, accepted ones or results: objects without strokes
                keep theirs. None for none.
            result: The result of this frame, if it was tracked: what was drawn corrects it.
            locked: Objects that keep exactly their pixels in `current`.
            changing: The objects that may change, such as the one that was drawn last; the others
                lose the pixels that these take. All with strokes, if None.

        Returns:
            Object ids, uint8 `(H, W)`; 0 for background. Pixels under a stroke follow it, unless
            they are those of a locked object.

        Raises:
            InputError: The frame, a mask or an id cannot be used.
        """
        raise NotImplementedError

    def teach(self, masks: Mapping[int, LabelMap], frames: Mapping[int, Frame]) -> None:
        """Learn from accepted masks of frames, which helps `solve` in all other frames.

        Args:
            masks: All accepted masks by frame index; those told before and not given any more are
                forgotten. Only new and changed ones are learned.
            frames: At least the frames of the new and changed masks.

        Raises:
            InputError: A mask does not fit its frame, or a frame is missing.
        """
        raise NotImplementedError

    def track(
        self,
        frames: Iterable[Frame],
        masks: Mapping[int, LabelMap],
        spans: Sequence[Span],
        results: Mapping[int, FrameResult],
        store: MapStore,
        *,
        complete: Collection[int] = (),
    ) -> Iterator[Step]:
        """Learn the objects from all accepted masks, and track some of them again.

        Objects change in their spans alone: everywhere else their masks, maps and confidence stay
        as they are in `results`, bit for bit, but for pixels that a tracked object takes or gives
        up. With nothing in `results` and the spans of `plan_spans(..., "both")` of all objects,
        the results are those of `rotoline.segment`.

        Closing the iterator cancels at once. Every result that was yielded is valid then.

        Args:
            frames: The clip; can be iterated again, as `rotoline.open_frames` and lists can.
            masks: All accepted masks by frame index, of all objects.
            spans: What is tracked; see `plan_spans`.
            results: What is known of frames; each is read on access. May lack frames and objects.
            store: Keeps the maps of the backward pass until the forward pass: a dict, or
                `rotoline.io.frame_store.temporary_store()` for long clips.
            complete: The frames of which the accepted masks show all objects that are there: the
                others are hidden in them.

        Yields:
            `Step.result` is the new result of one frame, each frame at most once; `Step.progress`
            says how far learning, tuning and tracking are.

        Raises:
            InputError: Masks or spans cannot be used.
        """
        raise NotImplementedError
