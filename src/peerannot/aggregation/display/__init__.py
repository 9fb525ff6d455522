"""A result as a table in a notebook, as figures, and as files of a dataset folder."""
