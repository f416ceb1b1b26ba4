"""Moved to `rotoline.learning.warp`."""

from rotoline.learning.warp import sample_deformations as sample_deformations
from rotoline.learning.warp import sample_motions as sample_motions
from rotoline.learning.warp import sample_view as sample_view
from rotoline.learning.warp import warp as warp
