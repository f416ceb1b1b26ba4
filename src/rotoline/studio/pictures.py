"""Frames as JPEG for the page, and as arrays for the engine, each decoded once while it is kept.

A video can only be decoded forwards, and frames are found again by seeking once they were decoded
in order (`rotoline.io.video`). So one reader goes through the file from its beginning, as far as
anything was asked for and further while nobody asks; everything before it is reached by seeking.
"""

import io
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Condition, Thread

from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import FrameSource
from rotoline.types import Frame
from rotoline.wording import counted

_BYTES = 2**28
"""Size of all JPEG files that are kept."""
_FRAMES_KEPT = 4
"""Number of decoded frames that are kept: the ones looked at."""
_AHEAD = 24
"""How many frames are prepared in the direction of play."""
_RUN = 256
"""How many frames are asked for at once to go forwards; they are decoded one by one."""
_BACKWARDS = 16
"""How many frames are decoded at once to go backwards."""
_QUALITY = 90
MIN_WIDTH = 16
_SMALL = 320
"""Pictures less wide are those of the filmstrip. They do not say where somebody looks."""


class NotReachedError(InputError):
    """A small picture of a frame that was not decoded yet: not worth decoding all before it."""


class Pictures:
    """The frames of a clip. May be used from several threads.

    Args:
        source: The frames; nobody else may read them.
        count: Number of frames.
        found_count: Called once the end was reached, with the true number of frames.
    """

    def __init__(
        self, source: FrameSource, count: int, found_count: Callable[[int], None] | None = None
    ) -> None:
        self._source, self.count, self._found_count = source, count, found_count
        self._is_folder = source.path.is_dir()
        self._condition = Condition()
        self._waiting, self._is_closed = 0, False
        self._jpegs: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._front: Iterator[Frame] = iter(source)
        self._front_at = count if self._is_folder else 0
        self._run: Iterator[Frame] = iter(())
        self._run_at = -1
        self._width, self._last, self._direction = source.size[1], 0, 1
        self.is_busy: Callable[[], bool] = lambda: False
        """Whether the processor is needed for something else than to read ahead of anybody."""
        self._thread = Thread(target=self._work_ahead, name="pictures", daemon=True)
        self._thread.start()

    def jpeg(self, index: int, width: int | None = None) -> bytes:
        """A frame as a JPEG file.

        Args:
            index: Of the frame.
            width: Of the picture, in pixels; None, or more than the frame has, for that of the
                frame.

        Raises:
            InputError: There is no such frame, or it cannot be decoded.
            NotReachedError: The picture is small, and the frame was not decoded yet.
        """
        full = self._source.size[1]
        width = full if width is None else max(MIN_WIDTH, min(width, full))
        with self._condition:
            kept = self._jpegs.get((index, width))
            if width >= _SMALL:
                if index != self._last:
                    self._direction = 1 if index > self._last else -1
                self._last, self._width = index, width
            elif kept is None and index >= self._front_at:
                raise NotReachedError(f"frame {index} was not decoded yet; ask again later")
            if kept is not None:
                self._jpegs.move_to_end((index, width))
                self._condition.notify_all()
                return kept
        data = _encode(self.frame(index), width)
        with self._condition:
            self._keep_jpeg(index, width, data)
            self._condition.notify_all()
        return data

    def frame(self, index: int) -> Frame:
        """A frame, uint8 RGB `(H, W, 3)`, exactly as `rotoline.open_frames` gives it.

        Raises:
            InputError: There is no such frame, or it cannot be decoded.
        """
        with self._condition:
            self._waiting += 1
        try:
            self._reach(index)
            with self._condition:
                if index not in self._frames:
                    self._keep_frame(index, self._read(index))
                self._frames.move_to_end(index)
                return self._frames[index]
        finally:
            with self._condition:
                self._waiting -= 1
                self._condition.notify_all()

    def check(self, index: int) -> None:
        """Make sure that there is a frame: a video may declare more than it has.

        Raises:
            InputError: There is none.
        """
        if index >= self._front_at:
            self.frame(index)

    @property
    def kept(self) -> set[tuple[int, int]]:
        """Index and width of the pictures that are kept."""
        with self._condition:
            return set(self._jpegs)

    def close(self) -> None:
        """End the thread that works ahead."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        self._thread.join()

    def _reach(self, index: int) -> None:
        """Go forwards up to a frame, and let others have theirs meanwhile: it may be far."""
        while True:
            with self._condition:
                if self._front_at >= min(index, self.count) or self._is_closed:
                    return
                self._read(self._front_at)
                is_alone = self._waiting < 2
            if not is_alone:
                time.sleep(0.001)  # else this thread would have the lock again at once

    def _read(self, index: int) -> Frame:
        """Decode a frame, by the way that is quickest here."""
        while self._front_at <= index:
            frame = next(self._front, None)
            if frame is None:
                self._end()
                raise self._missing(index)
            self._front_at += 1
            if self._front_at > index:
                return frame.copy()
        return self._seek_backwards(index) if self._direction < 0 else self._seek(index)

    def _end(self) -> None:
        if self._front_at != self.count:
            self.count = self._front_at
            if self._found_count is not None:
                self._found_count(self.count)

    def _seek(self, index: int) -> Frame:
        """Go on with the run of frames that is being read, or begin one."""
        if index != self._run_at:
            self._run = self._source.select(range(index, min(self._front_at, index + _RUN)))
        self._run_at = index + 1
        frame = next(self._run, None)
        if frame is None:
            self._run_at = -1
            raise self._missing(index)
        return frame.copy()

    def _seek_backwards(self, index: int) -> Frame:
        """Read some frames up to this one, and keep the pictures of those before it."""
        begin, found = max(0, index + 1 - _BACKWARDS), None
        for at, frame in enumerate(self._source.select(range(begin, index + 1)), begin):
            if at == index:
                found = frame.copy()
            elif (at, self._width) not in self._jpegs:
                self._keep_jpeg(at, self._width, _encode(frame, self._width))
        if found is None:
            raise self._missing(index)
        return found

    def _missing(self, index: int) -> InputError:
        because = f" ({self._source.problem})" if self._source.problem else ""
        return InputError(
            f"{self._source.path} has no frame {index}{because}; it has "
            f"{counted(self.count, 'frame')}"
        )

    def _keep_frame(self, index: int, frame: Frame) -> None:
        self._frames[index] = frame
        while len(self._frames) > _FRAMES_KEPT:
            self._frames.popitem(last=False)

    def _keep_jpeg(self, index: int, width: int, data: bytes) -> None:
        old = self._jpegs.pop((index, width), b"")
        self._jpegs[index, width] = data
        self._bytes += len(data) - len(old)
        while self._bytes > _BYTES:
            self._bytes -= len(self._jpegs.popitem(last=False)[1])

    def _wanted(self) -> int | None:
        """The next frame in the direction of play of which there is no JPEG file."""
        for step in range(1, _AHEAD + 1):
            index = self._last + step * self._direction
            if not 0 <= index < self.count:
                return None
            if (index, self._width) not in self._jpegs:
                return index
        return None

    def _work_ahead(self) -> None:
        """Prepare the frames that come next, then go through the rest of the clip."""
        while True:
            with self._condition:
                if self._is_closed:
                    return
                index = self._wanted()
                may_index = self._front_at < self.count and not self.is_busy()
                if self._waiting or (index is None and not may_index):
                    self._condition.wait(1.0)
                    continue
                try:
                    if index is not None:
                        data = _encode(self._read(index), self._width)
                        self._keep_jpeg(index, self._width, data)
                    else:
                        self._read(self._front_at)
                except InputError:  # whoever asks for that frame is told
                    self._condition.wait(1.0)


def _encode(frame: Frame, width: int) -> bytes:
    image = Image.fromarray(frame)
    is_full = width == image.width
    if not is_full:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    # At full size, colours are kept at every pixel: people zoom in to draw along edges.
    image.save(file, format="JPEG", quality=_QUALITY, subsampling=0 if is_full else 2)
    return file.getvalue()
