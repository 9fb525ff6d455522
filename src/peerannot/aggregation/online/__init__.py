"""Learning from answers that keep coming."""
