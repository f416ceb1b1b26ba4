"""Light, blur, grain and compression of drawn frames."""

import io

import numpy as np
import torch
from PIL import Image

from rotoline.data.light import compressed, sample_light, vary


def picture():
    rows, cols = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    return torch.stack((2 * rows, 255 - 2 * cols, 128 + 60 * torch.sin(rows / 5 + cols / 9)))


def test_compression_is_that_of_jpeg():
    """As close to what Pillow makes as that is to the picture, or closer."""
    frame = picture().clamp(0, 255).round()
    for quality in (15, 50):
        with io.BytesIO() as file:
            array = frame.byte().permute(1, 2, 0).numpy()
            Image.fromarray(array).save(file, "JPEG", quality=quality, subsampling=2)
            with Image.open(file) as image:
                made = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
        ours = compressed(frame[None], quality)[0]
        assert 0.5 < (ours - frame).abs().mean() / (made - frame).abs().mean() < 2
        assert (ours - made).abs().mean() < (made - frame).abs().mean() + 1


def test_frames_vary_within_range_and_alike_for_one_seed(make_sampler):
    frames = picture().clamp(0, 255).expand(1, 4, 3, 64, 96)
    lights = [sample_light(4, make_sampler(seed)) for seed in range(40)]
    assert {bool(light.quality) for light in lights} == {True, False}
    assert {light.blur is None for light in lights} == {True, False}
    assert {bool(light.grain > 0) for light in lights} == {True, False}
    together = vary(frames.expand(40, -1, -1, -1, -1).clone(), lights)
    assert 0 <= together.min() < together.max() <= 255
    for number in (0, 7, 23):
        alone = vary(frames.clone(), [lights[number]])[0]
        torch.testing.assert_close(together[number], alone)
    # The reference keeps its exposure; blur is for moving cameras.
    blurred = next(light for light in lights if light.blur is not None)
    assert abs(float(blurred.blur.sum()) - 1) < 1e-5
