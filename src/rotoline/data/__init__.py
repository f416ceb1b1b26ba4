"""Data sets in standard layouts, training clips and episodes, synthetic motion and composites."""
