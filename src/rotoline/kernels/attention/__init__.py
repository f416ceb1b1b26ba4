"""Attention readout: what a pixel was, told by the pixels that look like it in another frame.

A query pixel p and key pixels q have unit vectors; the readout is the weighted mean

    out(p) = sum_q a(p, q) v(q),   a(p, .) = softmax over q of the similarity

`attend_near` looks at a band of neighbouring rows and prefers what is near: it carries a score map
along from one frame to the next. `attend_far` looks at all pixels of remembered frames.
"""

from rotoline.kernels.attention.vectorised import attend_far, attend_near

__all__ = ["attend_far", "attend_near"]
