"""Strategies that weigh workers by how far they can be trusted: one file each, named as known."""
