"""Moved to `rotoline.learning.sampler`."""

from rotoline.learning.sampler import Sampler as Sampler
