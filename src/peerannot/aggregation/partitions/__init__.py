"""Where a strategy runs: partitions of tasks in memory, in files, or on other machines.

A strategy says in `Strategy.fit_parts` what it asks of partitions; nothing here knows strategies.
"""
