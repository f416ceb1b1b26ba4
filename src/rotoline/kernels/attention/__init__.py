"""Attention readout: what a pixel was, told by the pixels that look like it in another frame.

A query pixel p and key pixels q have unit vectors; the readout is the weighted mean

    out(p) = sum_q a(p, q) v(q),   a(p, .) = softmax over q of the similarity

`local_attention` looks at a band of neighbouring rows and prefers what is near: it carries a score map
along from one frame to the next. `memory_attention` looks at all pixels of remembered frames.
"""

from rotoline.kernels.attention.vectorised import memory_attention, local_attention

__all__ = ["memory_attention", "local_attention"]
