"""Strategies with a confusion matrix for each worker: one file each, named as known."""
