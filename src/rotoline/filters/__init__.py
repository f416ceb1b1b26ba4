"""Three forms of the connected-region-aware filter (CRAF), which stage 5 chooses among.

- `memory`: what the presets use; compares with the object's last visible mask.
- `paper`: as the paper describes it; compares with the mask in the frame before.
- `script`: as the authors' demo script does it, which differs from the paper.

Arrays in, arrays out: a filter knows its own constants, but no stage and no logits.
"""
