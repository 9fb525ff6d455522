"""How sure a result is: intervals, bootstrap, quality of labels and workers."""
