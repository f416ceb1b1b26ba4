"""The published system: a fine-tuned ResNet-101 per object, a guided SPN, the paper's settings.

| module          | what it holds                                                           |
|-----------------|-------------------------------------------------------------------------|
| `system`        | the settings, and what the tracker calls                                |
| `network`       | all networks in one module                                              |
| `segmentation`  | the segmentation network: ResNet-101, hypercolumn, linear head          |
| `fine_tuning`   | the paper's learner: a network per object                               |
| `joint_softmax` | what Table 1 compares with it: one network for all objects              |
| `probing`       | a faster learner: linear heads on the frozen network                    |
| `linear_probe`  | the solver of the linear heads                                          |
| `spn`           | the spatial propagation network with its VGG-16 guidance                |
"""

from rotoline.systems.paper.system import PaperConfig, PaperSystem

_NO_FILTER = "regions.method=off"
# Without propagation scores are probabilities, and the threshold of the paper's Table 1 applies.
_NO_SPN = ("propagation.enabled=false", "fuse.background_threshold=0.5")
_NO_TUNING = "learner.tune_foreground=false"
_JOINT = "learner.networks=joint"

ABLATIONS = {
    "no-filter": (_NO_FILTER,),
    "no-filter-propagation": (_NO_FILTER, *_NO_SPN),
    "no-filter-propagation-tuning": (_NO_FILTER, *_NO_SPN, _NO_TUNING),
    "no-propagation": _NO_SPN,
    "no-tuning": (_NO_TUNING,),
    "no-limit": ("foreground.method=off",),
    "craf-script": ("regions.method=craf_script",),
    "last-visible": ("regions.method=last_visible",),
    "linear-probe": ("learner.method=linear_probe",),
    "joint": (_JOINT,),
    "no-filter-propagation-joint": (_NO_FILTER, *_NO_SPN, _JOINT),
}
"""Settings that leave a stage out or change it, by name; the first three are the rows of the
paper's Table 2, the last is the row that its Table 1 adds."""

__all__ = ["ABLATIONS", "PaperConfig", "PaperSystem"]
