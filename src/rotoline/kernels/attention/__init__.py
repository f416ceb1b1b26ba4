"""Attention readout: the value of a pixel, read from similar pixels of another frame.

A query pixel p and key pixels q have unit vectors; the readout is the weighted mean

    out(p) = sum_q a(p, q) v(q),   a(p, .) = softmax over q of the similarity

`local_attention` reads from a band of neighbouring rows and prefers nearby pixels: it carries a
score map along from one frame to the next. `memory_attention` reads from all pixels of the
annotated frames. `reference` holds both as plain loops: the specification, used by tests only.
"""

from rotoline.kernels.attention.vectorised import local_attention, memory_attention

__all__ = ["local_attention", "memory_attention"]
