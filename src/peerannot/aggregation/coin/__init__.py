"""Strategies with a probability of being right for each worker: one file each, named as known."""
