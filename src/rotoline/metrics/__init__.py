"""Agreement of predicted with true masks: region J and boundary F, as DAVIS defines them.

Labels and truth go in frame by frame; `region` (J) and `boundary` (F) score every object of
a frame, `summary` turns the values into scores of objects and sequences.
"""

from rotoline.metrics.boundary import boundary_accuracy, boundary_map
from rotoline.metrics.region import region_similarity
from rotoline.metrics.summary import (
    ObjectScores,
    SequenceScores,
    Summary,
    evaluate_sequence,
    scored_frames,
    summarise,
)

__all__ = [
    "ObjectScores",
    "SequenceScores",
    "Summary",
    "boundary_accuracy",
    "boundary_map",
    "evaluate_sequence",
    "region_similarity",
    "scored_frames",
    "summarise",
]
