"""Small valid files of every kind that rotoline reads, to damage them."""

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import safetensors.numpy
from PIL import Image

from rotoline.io.palette import DAVIS_PALETTE
from rotoline.presets import FAST

FRAMES, FRAMES_OF_FOLDER = 12, 3
VIDEOS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "hevc.mp4": ("libx265", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "ffv1.mkv": ("ffv1", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "mpeg4.avi": ("mpeg4", "yuv420p"),
    "mpeg2.ts": ("mpeg2video", "yuv420p"),
    "prores.mov": ("prores_ks", "yuv422p10le"),
    "mjpeg.mov": ("mjpeg", "yuvj420p"),
    "video.gif": ("gif", "rgb8"),
}
PICTURES = ("png", "jpg", "bmp", "tif", "webp", "gif")
STACKS = ("tif", "webp", "avif")


def make_files(folder: Path) -> list[tuple[str, str]]:
    """Write all files into a folder.

    Returns:
        What reads each, and its name: a file, or a folder of pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [_draw(index) for index in range(FRAMES)]
    for name, (codec, pixels) in VIDEOS.items():
        _write_video(folder / name, pictures, codec, pixels)
    for suffix in PICTURES:
        (folder / f"frames-{suffix}").mkdir(exist_ok=True)
        for index, picture in enumerate(pictures[:FRAMES_OF_FOLDER]):
            Image.fromarray(picture).save(folder / f"frames-{suffix}" / f"{index}.{suffix}")
    for suffix in STACKS:
        first, *rest = [Image.fromarray(picture) for picture in pictures]
        first.save(folder / f"stack.{suffix}", save_all=True, append_images=rest, duration=40)
    masks = _write_masks(folder)
    _write_settings(folder)
    _write_weights(folder)
    return [
        *(("frames", name) for name in VIDEOS),
        *(("frames", f"frames-{suffix}") for suffix in PICTURES),
        *(("frames", f"stack.{suffix}") for suffix in STACKS),
        *(("mask", name) for name in masks),
        ("settings", "settings.toml"),
        ("settings", "run.json"),
        ("weights", "net.safetensors"),
        ("weights", "net.json"),
    ]


def frames_in(name: str) -> int:
    """Number of frames of a valid file or folder of frames; 0 of others."""
    if name.startswith("frames-"):
        return FRAMES_OF_FOLDER
    return FRAMES if name in VIDEOS or name.startswith("stack") else 0


def _draw(index: int) -> np.ndarray:
    rows, cols = np.mgrid[:48, :64]
    disc = (cols - 20 - 2 * index) ** 2 + (rows - 24) ** 2 < 100
    channels = [np.where(disc, 230 - 60 * k, (rows * (k + 2) + cols * 3) % 128) for k in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _write_video(path: Path, pictures: list[np.ndarray], codec: str, pixels: str) -> None:
    options = {"g": "6"} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.thread_count = 1
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))


def _write_masks(folder: Path) -> list[str]:
    labels = np.zeros((48, 64), np.uint8)
    labels[8:30, 10:40], labels[20:44, 35:60] = 1, 2
    palette = Image.fromarray(labels)
    palette.putpalette(DAVIS_PALETTE.tobytes())
    white = Image.fromarray(np.where(labels > 0, 255, 0).astype(np.uint8))
    images = {
        "mask-palette.png": palette,
        "mask-grey.png": Image.fromarray(labels),
        "mask-16-bit.png": Image.fromarray(labels.astype(np.uint16)),
        "mask-colour.png": white.convert("RGB"),
        "mask-float.tif": Image.fromarray(labels.astype(np.float32)),
    }
    for name, image in images.items():
        image.save(folder / name)
    return list(images)


def _write_settings(folder: Path) -> None:
    values = FAST.model_dump(mode="json")
    (folder / "run.json").write_text(json.dumps({"config": values}, indent=2))
    lines = [f"{name} = {value}" for name, value in values.items() if isinstance(value, int)]
    lines += ["[regions]", 'method = "last_visible"', "threshold = 0.25", "[fuse]"]
    lines += [f"{name} = {value}" for name, value in values["fuse"].items()]
    (folder / "settings.toml").write_text("\n".join(lines) + "\n")


def _write_weights(folder: Path) -> None:
    generator = np.random.default_rng(0)
    tensors = {
        f"layer{k}.weight": generator.random((k + 2, 3, 3)).astype(np.float16) for k in range(4)
    }
    data = safetensors.numpy.save(tensors)
    (folder / "net.safetensors").write_bytes(data)
    words = dict.fromkeys(("licence", "data", "command", "commit"), "none")
    numbers = {"seed": 0, "steps": 0, "bytes": len(data)}
    record = {"name": "net", "sha256": hashlib.sha256(data).hexdigest(), **words, **numbers}
    (folder / "net.json").write_text(json.dumps(record, indent=2))
