"""What each preset puts into the boxes of the picture: nets, a learner, and what it remembers.

`fast` learns closed-form rules on a shared embedding; `paper` fine-tunes networks.
"""
