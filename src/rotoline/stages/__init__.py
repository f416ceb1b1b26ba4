"""The stages that all systems share: tensors and arrays in, tensors and arrays out.

    frame ─► encode ─► score ─► limit ─► propagate ─► filter ─► fuse ─► labels

`encode`, `score` and `propagate` belong to a system (`rotoline.systems`); the limit is in
`foreground`, the filter in `regions`. No stage imports another one, and only `rotoline.tracker`
knows their order.
"""
