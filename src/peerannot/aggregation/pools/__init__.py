"""Strategies whose posterior is that of several others."""
