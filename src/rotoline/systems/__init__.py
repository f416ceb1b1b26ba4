"""One folder per system; they share `rotoline.stages` and do not import each other."""
