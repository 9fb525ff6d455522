"""How many answers more: accuracy as a function of further answers, forecast from those at hand.

>>> import numpy as np
>>> from peerannot import Answers
>>> from peerannot.budget import forecast
>>> rng = np.random.default_rng(0)
>>> truth = rng.integers(0, 2, 40)
>>> said = np.where(rng.random((40, 5)) < 0.7, truth[:, None], 1 - truth[:, None])
>>> votes = {f"t{t}": {f"w{w}": int(y) for w, y in enumerate(row)} for t, row in enumerate(said)}
>>> found = forecast(Answers.from_mapping(votes, classes=2), truth=truth, policies=[], seeds=3)
>>> found.by, [curve.by for curve in found.curves]
('truth', ['thinning'])
"""

from peerannot.budget.curve import Curve
from peerannot.budget.forecast import Forecast, forecast

__all__ = ["Curve", "Forecast", "forecast"]
