"""Training and evaluation data: data sets, episodes, synthetic motion."""
