"""One file a family of formats; each class registers itself under its public name."""
