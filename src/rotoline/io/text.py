"""Read a small text file, or explain what is wrong with it."""

from pathlib import Path

from rotoline.errors import InputError
from rotoline.limits import DEFAULT_LIMITS


def read_text(path: Path, most_bytes: int = DEFAULT_LIMITS.text_bytes) -> str:
    """Return the content of a UTF-8 text file, without the byte-order mark that it may begin with.

    Raises:
        InputError: There is no such file, it may not be read, it is not text, or it has more than
            `most_bytes`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise InputError(
                f"{path} has more than {most_bytes:,} bytes, the most that is read of such a file; "
                "check that it is the file that you mean"
            )
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}); "
            "replace it by a good copy"
        ) from error
