"""The colours of mask files, and the ids of a mask that is saved with a palette.

The index of a pixel is its id, as long as the palette is the one that the mask was made with. Many
programs write a palette of their own: the picture looks the same, but its indices are others.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotoline.errors import InputError
from rotoline.types import VOID

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_Colours = dict[int, tuple[int, int, int]]


def _davis_palette() -> NDArray[np.uint8]:
    """The colour map of PASCAL VOC: the bits of the id, dealt to red, green, blue in turn."""
    ids = np.arange(256)
    channels = []
    for channel in range(3):
        bits = [((ids >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(3)]
        channels.append(sum(bits))
    palette = np.stack(channels, axis=1).astype(np.uint8)
    palette.setflags(write=False)  # every writer of masks shares it
    return palette


DAVIS_PALETTE = _davis_palette()
"""Colour of every id in mask files, uint8 (256, 3), RGB; id 0 is black."""

_DAVIS_IDS = {(int(r), int(g), int(b)): i for i, (r, g, b) in enumerate(DAVIS_PALETTE)}


def davis_id(colour: tuple[int, int, int]) -> int | None:
    """The id of a colour of the palette of DAVIS; None if it is no such colour."""
    return _DAVIS_IDS.get(colour)


def has_davis_colours(image: Image.Image) -> bool:
    """Whether every colour that a picture with a palette shows is that of its id in DAVIS."""
    if image.mode != "P":
        return False
    used = np.unique(np.array(image))
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    return bool(used[-1] < len(palette)) and bool(
        np.array_equal(palette[used], DAVIS_PALETTE[used])
    )


def read_palette_ids(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    """Read the ids of a picture with a palette.

    White at index 255 with nothing but black is object 1, as in grey without a palette.

    If all colours are those of the palette of DAVIS, they decide. Greys alone do not: every grey
    ramp has some of these. With other colours the id is the index, unless the colours say that
    index 0 is not the background.

    Args:
        path: The file, for messages.
        image: Its picture, of mode `P`.

    Returns:
        uint8 `(H, W)`.

    Raises:
        InputError: Index and colour tell of different backgrounds.
    """
    indices: NDArray[np.uint8] = np.array(image)
    colours = _used_colours(image, indices)
    if colours is None:
        return indices
    if colours in ({VOID: _WHITE}, {0: _BLACK, VOID: _WHITE}):
        return np.asarray(indices > 0).astype(np.uint8)
    ids = [one for one in map(davis_id, colours.values()) if one is not None]
    is_grey = all(red == green == blue for red, green, blue in colours.values())
    if not is_grey and len(set(ids)) == len(colours):
        table = np.zeros(256, np.uint8)
        table[list(colours)] = ids
        return table[indices]
    background = _background_by_colour(image, indices, colours)
    if background not in (None, 0):
        raise InputError(_explain(path, colours, background))
    return indices


def _used_colours(image: Image.Image, indices: NDArray[np.uint8]) -> _Colours | None:
    """Colour by index, of the indices in the picture; None if the palette does not have them all.

    Such indices, and a palette of one colour, tell nothing of what is meant.
    """
    flat = image.getpalette("RGB") or []
    used = np.flatnonzero(np.bincount(indices.ravel())).tolist()
    if 3 * used[-1] + 3 > len(flat):
        return None
    colours = {i: (flat[3 * i], flat[3 * i + 1], flat[3 * i + 2]) for i in used}
    return colours if len(used) == 1 or len(set(colours.values())) > 1 else None


def _background_by_colour(
    image: Image.Image, indices: NDArray[np.uint8], colours: _Colours
) -> int | None:
    """The index whose pixels look like background; None if no colour is more so than others.

    Transparent pixels do, black ones, and the only colour along all four sides of a picture whose
    index 0 is inside.
    """
    alpha = image.info.get("transparency")
    if isinstance(alpha, int) and alpha in colours:
        return alpha
    if isinstance(alpha, bytes):
        seen_through = [i for i in colours if i < len(alpha) and alpha[i] == 0]
        if seen_through and len(seen_through) < len(colours):
            return 0 if 0 in seen_through else seen_through[0]
    black = [index for index, colour in colours.items() if colour == _BLACK]
    if black:
        # Ids beyond the colours of a short palette are black as well.
        return 0 if 0 in black else black[0]
    sides = np.concatenate([indices[0], indices[-1], indices[:, 0], indices[:, -1]])
    if 0 in colours and (sides == sides[0]).all():
        return int(sides[0])
    return None


def _explain(path: Path, colours: _Colours, background: int) -> str:
    """Say that index and colour differ, and what each reading would be."""
    others = [index for index in colours if index not in (0, background)]
    by_index = f"by index, objects are {_list(colours, [i for i in colours if i])}"
    by_colour = f"by colour, {_list(colours, [background])} is background and objects are " + _list(
        colours, [0] * (0 in colours and colours[0] != colours[background]) + others
    )
    return (
        f"{path} can be read in two ways, because its palette is neither the one of DAVIS nor one "
        f"with the background at index 0: {by_index}; {by_colour}; save the mask in 8-bit grey "
        "with 0 for background and an id per object, or with the palette of DAVIS"
    )


def _list(colours: _Colours, indices: list[int]) -> str:
    shown = ", ".join(f"index {i} {colours[i]}" for i in indices[:4])
    return (shown or "none") + (f" and {len(indices) - 4} more" if len(indices) > 4 else "")
