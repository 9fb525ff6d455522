"""What choosing whom to ask would have saved: campaigns replayed on answers that exist.

>>> import numpy as np
>>> from peerannot import Answers
>>> from peerannot.replay import replay
>>> rng = np.random.default_rng(0)
>>> truth = rng.integers(0, 2, 30)
>>> said = np.where(rng.random((30, 5)) < 0.8, truth[:, None], 1 - truth[:, None])
>>> votes = {f"t{t}": {f"w{w}": int(y) for w, y in enumerate(row)} for t, row in enumerate(said)}
>>> found = replay(Answers.from_mapping(votes, classes=2), truth, ["entropy"], seeds=2)
>>> found.n_answers, [row.policy for row in found.summary]
(150, ['entropy', 'uniform'])
"""

from peerannot.replay.campaign import Run
from peerannot.replay.figure import draw_replay
from peerannot.replay.outcome import Replay, Summary
from peerannot.replay.replay import replay

__all__ = ["Replay", "Run", "Summary", "draw_replay", "replay"]
