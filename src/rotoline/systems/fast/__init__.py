"""The default system: ridge classifiers on a shared encoder, refined by small networks, on a CPU.

| module           | what it holds                                                          |
|------------------|------------------------------------------------------------------------|
| `system`         | the settings, and what the tracker calls                               |
| `network`        | all learned parts in one module                                        |
| `encoder`        | everything about a frame that all objects share                        |
| `online_ridge`   | the learner: a ridge classifier per object, updated online             |
| `tuning`         | fine-tuning of the network on the annotated frames                     |
| `episode_loss`   | what training and fine-tuning minimise                                 |
| `choice`         | whether the tuned network is as good, and so is kept                   |
| `scoring`        | the objects' logits: classifier, readouts, refinement                  |
| `memory_readout` | lookups in the previous frame and in the annotated frames              |
| `refinement`     | the network that corrects the logits                                   |
| `propagation`    | the spatial propagation network                                        |
"""

from rotoline.systems.fast.system import FastConfig, FastSystem
from rotoline.systems.fast.tuning import steps_of

_NO_FILTER = "regions.method=off"
_NO_SPN = "propagation.enabled=false"
_NO_LIMIT = "foreground.method=off"
_NO_TUNING = "tuning.steps=0"

ABLATIONS = {
    "no-filter": (_NO_FILTER,),
    "no-filter-propagation": (_NO_FILTER, _NO_SPN),
    # The foreground is learned from the annotated frames or not at all: there is no generic one.
    "no-filter-propagation-tuning": (_NO_FILTER, _NO_SPN, _NO_LIMIT, _NO_TUNING),
    "no-propagation": (_NO_SPN,),
    "no-tuning": (_NO_TUNING,),
    "no-context": ("scoring.context=off",),
    "no-memory": ("scoring.context=previous",),
    "no-updates": ("online.method=off",),
    "no-limit": (_NO_LIMIT,),
}
"""Settings that leave a stage out, by name; the first three are the rows of the paper's Table 2."""

__all__ = ["ABLATIONS", "FastConfig", "FastSystem", "steps_of"]
