"""How much of a file is accepted, so that a small one cannot take all memory or all time."""

from pydantic import BaseModel, ConfigDict, Field

from rotoline.errors import InputError

MOST_PIXELS = 89_478_485
"""Pixels of any frame or picture, however the limits are set: what Pillow reads without a word."""


class Limits(BaseModel):
    """What input may ask for. Larger input is refused before it costs time or memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pixels: int = Field(default=40_000_000, ge=1, le=MOST_PIXELS)
    """Pixels of a frame; the default takes 8K video (8192 x 4320) and refuses 8192 x 8192."""
    frames: int = Field(default=250_000, ge=1)
    """Frames of a video, or pictures of a folder or a file; the default is more than an hour at 60
    frames a second."""
    settings_bytes: int = Field(default=2**13, ge=1)
    """Bytes of a TOML file of settings. Reading one can take time and memory that grow with the
    square of its size: 10 GB for 100 kB of one long name. All settings of a preset are 3 kB."""
    text_bytes: int = Field(default=2**26, ge=1)
    """Bytes of any other text file that is read, such as a `run.json`."""
    memory: int = Field(default=4 * 2**30, ge=2**29)
    """Bytes of address space of the process that decodes with `--sandbox`."""
    seconds: float = Field(default=30.0, gt=0)
    """Seconds that the process that decodes with `--sandbox` may take for one picture."""

    def refuse(self, name: str, found: str, needed: int) -> InputError:
        """The error about input that exceeds a limit.

        Args:
            name: Name of the field.
            found: What was found: the beginning of the message.
            needed: The value of the limit that would accept it.
        """
        return InputError(
            f"{found}, and limits.{name} accepts {getattr(self, name):,}; if the file can be "
            f"trusted, raise the limit with --set limits.{name}={needed} "
            f"(from Python: rotoline.Limits({name}={needed}))"
        )

    def check_size(self, what: str, height: int, width: int) -> None:
        """Refuse a picture with too many pixels.

        Args:
            what: What has this size, for the message.
            height: Rows of pixels.
            width: Columns of pixels.

        Raises:
            InputError: The picture has more pixels than `limits.pixels`.
        """
        found = f"{what} has {height} x {width} = {height * width:,} pixels (height x width)"
        if height * width > MOST_PIXELS:
            raise InputError(
                f"{found}, and limits.pixels accepts {self.pixels:,}, and can be raised to "
                f"{MOST_PIXELS:,}; make it smaller"
            )
        if height * width > self.pixels:
            raise self.refuse("pixels", found, height * width)

    def check_count(self, what: str, count: int) -> None:
        """Refuse too many frames.

        Args:
            what: What has so many, for the message.
            count: Number of frames.

        Raises:
            InputError: There are more frames than `limits.frames`.
        """
        if count > self.frames:
            raise self.refuse("frames", f"{what} has {count:,} frames or more", count)


DEFAULT_LIMITS = Limits()
"""The limits of input where no others are given."""
