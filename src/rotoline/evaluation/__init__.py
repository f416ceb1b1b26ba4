"""Measure accuracy on the development clips, again and again, in one process.

    rotoline experiment dev        how good is this version, and is it better than that one?
    rotoline experiment ablation   what does each stage bring?

From a scratch script: `for measured in measure_clips(model, config, development_clips(data))`.
"""

from rotoline.evaluation.bootstrap import Interval, paired_interval
from rotoline.evaluation.development_clips import DevelopmentClip, development_clips
from rotoline.evaluation.measure import ClipMeasure, MeasuredClip, ObjectMeasure, measure_clips
from rotoline.evaluation.results import Results, read_results

__all__ = [
    "ClipMeasure",
    "DevelopmentClip",
    "Interval",
    "MeasuredClip",
    "ObjectMeasure",
    "Results",
    "development_clips",
    "measure_clips",
    "paired_interval",
    "read_results",
]
