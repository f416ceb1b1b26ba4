"""One module per box of the picture; no files and no globals. Only the pipeline knows the order.

frames ─► foreground ─► adapt ─► score ─► propagate ─► regions ─► fuse ─► labels
"""
