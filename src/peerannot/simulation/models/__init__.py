"""Models of crowds, one family a file; importing a file registers its models."""
