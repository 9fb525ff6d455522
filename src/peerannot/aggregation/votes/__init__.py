"""Strategies that count votes, weighted or not: one file each, named as known."""
