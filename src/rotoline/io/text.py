"""Read a small text file, or explain what is wrong with it."""

from pathlib import Path

from rotoline.errors import InputError


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 text file, without the byte-order mark that it may begin with.

    Raises:
        InputError: There is no such file, it may not be read, or it is not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}); "
            "replace it by a good copy"
        ) from error
