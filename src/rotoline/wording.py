"""Small pieces of the texts of messages."""


def counted(number: int, noun: str) -> str:
    """A number of things, such as "1 frame" or "12 frames"; the plural is the noun with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
