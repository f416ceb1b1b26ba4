"""Named configurations, as plain values."""

from rotoline.pipeline import PipelineConfig

FAST = PipelineConfig()
"""The default: closed-form learning on a shared embedding, for a laptop's CPU."""
