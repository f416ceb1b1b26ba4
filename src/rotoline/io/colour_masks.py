"""Colour pictures that are given as masks: read where one reading exists, else explained."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.palette import davis_id
from rotoline.io.soft_edges import solid_values
from rotoline.types import MAX_ID

HOW_TO_SAVE = "save the mask as a PNG with a palette or in 8-bit grey, one value per object"


def read_colour_ids(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    """Read a picture in black and white, or with a shape in its alpha channel and no colours.

    What is white, or the shape that is opaque, is object 1.

    Args:
        path: The file, for messages.
        image: Its picture, in colour or with alpha.

    Returns:
        uint8 `(H, W)`, 0 and 1.

    Raises:
        InputError: Any other picture in colour; the message says where the objects are, and which
            ids were probably meant.
    """
    if not image.has_transparency_data:
        return _read_black_and_white(path, image.mode, np.array(image.convert("RGB")))
    picture = np.array(image.convert("RGBA"))
    colours, alpha = picture[..., :3], picture[..., 3]
    if alpha.max() == 0:
        raise InputError(f"{path} is transparent everywhere: it shows no object; {HOW_TO_SAVE}")
    if alpha.min() == alpha.max():
        return _read_black_and_white(path, image.mode, colours)
    start = (
        f"{path} (mode {image.mode}) holds a shape in its alpha channel; "
        "a mask holds one id per pixel"
    )
    if not set(np.unique(alpha).tolist()) <= {0, 255}:
        raise InputError(
            f"{start}, and this shape is transparent in part: its edges are soft (anti-aliased); "
            f"export it without anti-aliasing, and {HOW_TO_SAVE}"
        )
    seen, hidden = pack_colours(colours[alpha > 0]), pack_colours(colours[alpha == 0])
    found = np.unique(seen).tolist()
    if len(found) > 1:
        visible = np.where(alpha[..., None] > 0, colours, 0).astype(np.uint8)
        raise InputError(
            f"{start}, and the opaque part has colours as well: "
            f"{_explain_colours(path, image.mode, visible)}"
        )
    colour = unpack_colour(found[0])
    is_uniform = (hidden == found[0]).all() and len(set(colour)) == 1
    is_white = colour == (255, 255, 255) and (hidden != found[0]).all()
    if is_uniform or is_white:
        return np.asarray(alpha > 0).astype(np.uint8)
    raise InputError(
        f"{start}, and its colour may tell the id: what is opaque is {colour}, probably meant: "
        f"{_guess_ids(found)}; {HOW_TO_SAVE}"
    )


def _read_black_and_white(path: Path, mode: str, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Object 1 where a picture `(H, W, 3)` is white and all else is black; others are refused."""
    packed = pack_colours(picture)
    if not np.isin(packed, (0, 0xFFFFFF)).all():
        raise InputError(_explain_colours(path, mode, picture))
    return np.asarray(packed > 0).astype(np.uint8)


def _explain_colours(path: Path, mode: str, picture: NDArray[np.uint8]) -> str:
    """Say what a colour picture given as a mask holds, and which ids were probably meant."""
    packed = pack_colours(picture)
    colours, areas = np.unique(packed, return_counts=True)
    start = (
        f"{path} is a colour picture (mode {mode}) with {len(colours)} "
        f"{'colour' if len(colours) == 1 else 'colours'}; a mask holds one id per pixel"
    )
    is_solid = np.isin(colours, solid_values(packed))
    if areas[is_solid].sum() <= packed.size / 2 or is_solid.sum() > MAX_ID:
        return f"{start}, and this looks like a photograph; {HOW_TO_SAVE}"
    edges = "its colours are solid" if is_solid.all() else "its edges are soft (anti-aliased)"
    by_area = np.argsort(-areas[is_solid], kind="stable")
    objects = [int(colour) for colour in colours[is_solid][by_area] if colour != 0]
    or_read = "; or read every colour as an object, with --colours" if is_solid.all() else ""
    return f"{start}; {edges}, probably meant: {_guess_ids(objects)}; {HOW_TO_SAVE}{or_read}"


def _guess_ids(colours: list[int]) -> str:
    """Ids for packed colours, largest area first: those of the DAVIS palette, else 1, 2, ..."""
    davis = [davis_id(unpack_colour(colour)) for colour in colours]
    known = [one for one in davis if one is not None]
    ids = known if len(known) == len(colours) else range(1, len(colours) + 1)
    shown = [
        f"id {i} for {unpack_colour(c)}" for i, c in sorted(zip(ids, colours, strict=True))[:8]
    ]
    more = f" and {len(colours) - 8} more" if len(colours) > 8 else ""
    return ", ".join(shown) + more if shown else "nothing but background"


def pack_colours(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """One number per colour: RGB uint8 `(..., 3)` as int32 `(...)`."""
    packed: NDArray[np.int32] = colours.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    return packed


def unpack_colour(colour: int) -> tuple[int, int, int]:
    """Undo `pack_colours` for one colour."""
    return colour >> 16, colour >> 8 & 255, colour & 255
