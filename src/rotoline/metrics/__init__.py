"""Agreement of predicted with true masks: region J and boundary F, as DAVIS defines them.

| module      | what it holds                                                            |
|-------------|--------------------------------------------------------------------------|
| `region`    | J of one object in one frame                                             |
| `boundary`  | F of one object in one frame                                             |
| `sequence`  | J and F of every object of a sequence, label maps in, frame by frame     |
| `summary`   | means, recall and decay: of an object, a sequence, a data set            |
| `inputs`    | the checks that J and F share                                            |
| `reference` | the specification: J and F in plain loops, which only the tests run to   |
|             | check the fast versions                                                  |
"""

from rotoline.metrics.boundary import boundary_accuracy, boundary_map
from rotoline.metrics.region import region_similarity
from rotoline.metrics.sequence import (
    FrameScores,
    SequenceScorer,
    evaluate_sequence,
    scored_frames,
)
from rotoline.metrics.summary import (
    ObjectScores,
    SequenceScores,
    Summary,
    pool_objects,
    summarise,
)

__all__ = [
    "FrameScores",
    "ObjectScores",
    "SequenceScorer",
    "SequenceScores",
    "Summary",
    "boundary_accuracy",
    "boundary_map",
    "evaluate_sequence",
    "pool_objects",
    "region_similarity",
    "scored_frames",
    "summarise",
]
