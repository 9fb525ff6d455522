"""One file a family of output formats; each class registers itself under its public name."""
