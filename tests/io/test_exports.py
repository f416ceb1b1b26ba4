"""Formats for other programs, read back by the libraries that read them."""

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.errors import ConfigError, InputError
from rotoline.io.frames import open_frames
from rotoline.io.writers import find_writer
from rotoline.io.writers.kept_results import without_scores
from rotoline.io.writers.together import Writers, check_formats
from rotoline.types import FrameResult

SIZE = (33, 47)  # odd, which formats that halve the colours do not like
IDS = (1, 7, 254)


def drawn_labels():
    """One pixel, holes, a full frame, an empty one, and objects that leave and come back."""
    frames = [np.zeros(SIZE, np.uint8) for _ in range(5)]
    frames[0][32, 46] = 1
    frames[0][5:20, 10:30], frames[0][8:12, 15:20], frames[0][14, 14] = 7, 0, 0
    frames[1][:] = 254
    frames[3][0, :], frames[3][1:, 0] = 1, 7
    frames[4][::2, ::2], frames[4][1::2, 1::2] = 254, 1
    return frames


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    for index in range(5):
        picture = np.dstack([5 * columns, 7 * rows, 40 * index + 0 * rows]).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{index + 1001}.png")
    return open_frames(folder)


def stored(index, labels, ids=IDS):
    return without_scores(index, labels, dict.fromkeys(ids, 0.5))


def export(format_, output, source, results, **options):
    writers = Writers([format_], output, source, options)
    try:
        for result, picture in zip(results, source, strict=True):
            writers.write_next(result, picture)
        list(writers.finish())
    finally:
        writers.close()
    return output / find_writer(format_).target


@pytest.fixture
def exported(tmp_path, source):
    """A function that writes the drawn labels in a format and returns its file or folder."""
    results = [stored(index, labels) for index, labels in enumerate(drawn_labels())]
    return lambda name, **options: export(name, tmp_path / "out", source, results, **options)


@pytest.fixture
def soft(source):
    """Results of one object with scores that were computed at a quarter of the size."""
    torch.manual_seed(0)
    logits = 3 * torch.randn((5, 1, 9, 12))
    return [
        FrameResult(index=i, labels=labels, confidence={7: 0.5}, logits=logits[i])
        for i, labels in enumerate(
            [np.where(x == 7, 7, 0).astype(np.uint8) for x in drawn_labels()]
        )
    ]


def decoded(path: Path, **asked):
    with av.open(path) as container:
        return [frame.to_ndarray(**asked) for frame in container.decode(video=0)]


def alpha_plane(path: Path):
    """The alpha plane of every frame, as the decoder gives it."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[3]
            yield np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, : plane.width]


def test_mattes_are_exact_for_every_object(exported, source):
    folder = exported("mattes")
    assert sorted(path.name for path in folder.iterdir()) == ["1", "254", "7"]
    for object_id in IDS:
        for index, labels in enumerate(drawn_labels()):
            with Image.open(folder / str(object_id) / f"{source.name(index)}.png") as image:
                assert image.mode == "L"
                np.testing.assert_array_equal(image, np.where(labels == object_id, 255, 0))


def test_soft_mattes_hold_the_scores_in_16_bits(tmp_path, source, soft):
    folder = export("mattes", tmp_path / "out", source, soft, soft=True)
    for result in soft:
        with Image.open(folder / "7" / f"{source.name(result.index)}.png") as image:
            assert image.mode == "I;16"
            np.testing.assert_array_equal(image, (result.scores[0] * 65535).round())


def test_prores_has_exact_alpha_and_the_picture_of_the_source(exported, source):
    folder = exported("prores")
    assert sorted(path.name for path in folder.iterdir()) == ["1.mov", "254.mov", "7.mov"]
    with av.open(folder / "7.mov") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec_tag == "ap4h"
        assert stream.average_rate == source.frame_rate
    for object_id in IDS:
        for alpha, labels in zip(
            alpha_plane(folder / f"{object_id}.mov"), drawn_labels(), strict=True
        ):
            np.testing.assert_array_equal(alpha, np.where(labels == object_id, 4095, 0))
        for fill, picture in zip(
            decoded(folder / f"{object_id}.mov", format="rgb24"), source, strict=True
        ):
            assert np.abs(fill.astype(int) - picture).max() <= 2


def test_soft_prores_has_the_scores_in_10_bits(tmp_path, source, soft):
    folder = export("prores", tmp_path / "out", source, soft, soft=True)
    for alpha, result in zip(alpha_plane(folder / "7.mov"), soft, strict=True):
        assert np.abs(alpha / 4095 - result.scores[0]).max() < 1 / 1023


def test_ffv1_is_lossless(exported, source):
    folder = exported("ffv1")
    for object_id in IDS:
        pictures = decoded(folder / f"{object_id}.mkv", format="rgba")
        for shown, labels, picture in zip(pictures, drawn_labels(), source, strict=True):
            np.testing.assert_array_equal(shown[..., :3], picture)
            np.testing.assert_array_equal(shown[..., 3], np.where(labels == object_id, 255, 0))


@pytest.mark.parametrize(
    ("name", "suffix", "off"), [("prores-luma", "mov", 1), ("ffv1-luma", "mkv", 0)]
)
def test_luma_is_white_on_black(exported, name, suffix, off):
    folder = exported(name)
    for object_id in IDS:
        pictures = decoded(folder / f"{object_id}.{suffix}", format="rgb24")
        for shown, labels in zip(pictures, drawn_labels(), strict=True):
            matte = np.where(labels == object_id, 255, 0)[..., None]
            assert np.abs(shown.astype(int) - matte).max() <= off


def test_soft_luma_in_ffv1_holds_the_scores_in_16_bits(tmp_path, source, soft):
    folder = export("ffv1-luma", tmp_path / "out", source, soft, soft=True)
    for shown, result in zip(decoded(folder / "7.mkv"), soft, strict=True):
        np.testing.assert_array_equal(shown, (result.scores[0] * 65535).round())


def test_cutouts_hold_nothing_of_the_background(exported, source):
    folder = exported("cutout")
    for index, (labels, picture) in enumerate(zip(drawn_labels(), source, strict=True)):
        with Image.open(folder / f"{source.name(index)}.png") as image:
            assert image.mode == "RGBA"
            shown = np.asarray(image)
        np.testing.assert_array_equal(shown[..., 3], np.where(labels > 0, 255, 0))
        np.testing.assert_array_equal(shown[labels > 0][:, :3], picture[labels > 0])
        assert not shown[labels == 0].any()


def test_cutout_video_has_the_background_that_was_chosen(tmp_path, exported, source):
    green = decoded(exported("cutout-video", background="#00ff00"), format="rgb24")
    (tmp_path / "out" / "cutout.mp4").unlink()
    blurred = decoded(exported("cutout-video"), format="rgb24")
    assert green[2].shape == blurred[2].shape == (34, 48, 3)
    assert np.abs(green[2].astype(int) - (0, 255, 0)).max() < 8  # no object
    for shown, picture in zip((green[1], blurred[1]), [list(source)[1]] * 2, strict=True):
        assert np.abs(shown[:33, :47].astype(int) - picture).mean() < 4  # all object
    means = [np.abs(blurred[2][:33, :47].astype(int).mean((0, 1)) - list(source)[2].mean((0, 1)))]
    assert np.max(means) < 4
    with pytest.raises(ConfigError, match="no background 'green'; give blur, or a colour such as"):
        exported("cutout-video", background="green")


def test_exr_has_a_layer_for_every_object(exported, source):
    library = pytest.importorskip("OpenEXR")
    folder = exported("exr")
    for index, labels in enumerate(drawn_labels()):
        with library.File(
            str(folder / f"{source.name(index)}.exr"), separate_channels=True
        ) as file:
            assert file.header()["compression"] == library.ZIPS_COMPRESSION
            channels = file.channels()
            assert sorted(channels) == ["object_1.A", "object_254.A", "object_7.A"]
            for object_id in IDS:
                pixels = channels[f"object_{object_id}.A"].pixels
                assert pixels.dtype == np.float16
                np.testing.assert_array_equal(pixels, labels == object_id)


def test_soft_exr_holds_the_scores(tmp_path, source, soft):
    library = pytest.importorskip("OpenEXR")
    folder = export("exr", tmp_path / "out", source, soft, soft=True)
    with library.File(str(folder / "1001.exr"), separate_channels=True) as file:
        pixels = file.channels()["object_7.A"].pixels
    np.testing.assert_array_equal(pixels, soft[0].scores[0].astype(np.float16))


def test_tiff_is_a_stack_of_labels_for_imagej(exported):
    library = pytest.importorskip("tifffile")
    path = exported("tiff")
    with library.TiffFile(path) as file:
        assert file.is_imagej
        assert file.series[0].axes == "TYX"
        assert file.imagej_metadata["fps"] == 24
        np.testing.assert_array_equal(file.asarray(), drawn_labels())
    assert len(list(open_frames(path))) == 5


def test_tiff_of_one_frame_is_one_page(tmp_path, source):
    library = pytest.importorskip("tifffile")
    results, pictures = [stored(0, drawn_labels()[0])], [next(iter(source))]
    writers = Writers(["tiff"], tmp_path, source)
    writers.write_next(results[0], pictures[0])
    list(writers.finish())
    np.testing.assert_array_equal(library.imread(tmp_path / "labels.tif"), drawn_labels()[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mattes", "prores", "ffv1", "exr"])
def test_254_objects_are_written(tmp_path, source, name):
    labels = np.arange(33 * 47, dtype=np.int64).reshape(SIZE) % 255
    results = [stored(i, labels.astype(np.uint8), tuple(range(1, 255))) for i in range(5)]
    path = export(name, tmp_path / "out", source, results)
    assert len(list(path.iterdir())) == (5 if name == "exr" else 254)
    if name == "prores":
        alphas = list(alpha_plane(path / "254.mov"))
        np.testing.assert_array_equal(alphas[4] > 0, labels == 254)


@pytest.mark.parametrize("name", ["prores", "ffv1", "cutout-video", "tiff", "overlay"])
def test_what_is_not_finished_leaves_no_file(tmp_path, source, name):
    writers = Writers([name], tmp_path / "out", source)
    writers.write_next(stored(0, drawn_labels()[0]), next(iter(source)))
    writers.close()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_missing_library_is_named_before_anything_is_computed(source, monkeypatch):
    for name, package in (("exr", "OpenEXR"), ("tiff", "tifffile")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ConfigError, match=f"the format {name} needs {package}, .*exports"):
            check_formats([name], source)


def test_frames_that_do_not_fit_are_refused_before_anything_is_computed(source):
    class Large:
        size, count, frame_rate = (20_000, 20_000), 11, Fraction(24)

    with pytest.raises(InputError, match=r"are too long for cutout\.mp4"):
        check_formats(["cutout-video"], Large())
    with pytest.raises(InputError, match=r"11 label maps of 20000 x 20000 .* more than the 4 GB"):
        check_formats(["tiff"], Large())
    with pytest.raises(ConfigError, match="--background has no effect on prores"):
        check_formats(["prores"], source, {"background": "blur"})
