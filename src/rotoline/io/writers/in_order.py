"""What formats share that need the frames in their order, or the pictures of the frames."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from rotoline.io.atomic import make_folder
from rotoline.io.frames import FrameSource
from rotoline.types import Frame, FrameResult


class OrderedWriter(ABC):
    """A `MaskWriter` whose `write_next` takes the place of `write`.

    `rotoline export` calls it while it reads the frames; `rotoline segment` once all frames are
    segmented, because it does not segment them in their order. All writers of a command share one
    pass over the frames.
    """

    target: ClassVar[str]
    """Name of the file or folder that the writer writes, inside the output folder."""
    options: ClassVar[Sequence[str]] = ()
    """Names of further keyword arguments of the class; see `MaskWriter`."""
    problem: str | None = None
    """What the user must know about the result, once it is finished."""

    @classmethod  # noqa: B027 (most formats hold everything)
    def check(cls, frames: FrameSource) -> None:
        """Refuse what the format cannot hold, before anything is computed.

        Raises:
            InputError: The frames are too large, for example.
            ConfigError: A package is missing.
        """

    def __init__(self, output: Path, frames: FrameSource) -> None:
        self._output, self._frames = output, frames
        make_folder(output)

    @abstractmethod
    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Write one frame.

        Args:
            result: Of the frame; indices ascend, and are skipped where a run was interrupted.
                `scores` may be missing (InputError): `segment` does not keep them until here.
            picture: The frame itself, uint8 RGB `(H, W, 3)`.

        Raises:
            OutputError: The frame cannot be written.
        """

    def finish(self) -> Iterator[int]:
        """Write what needs all frames; yield the number of frames done.

        Raises:
            OutputError: Something cannot be written.
        """
        return iter(())

    @abstractmethod
    def close(self) -> None:
        """Release everything, and remove what is not finished."""
