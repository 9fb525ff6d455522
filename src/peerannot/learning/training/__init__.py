"""The loop: from a dataset folder to weights."""
