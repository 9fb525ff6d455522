"""How answers come about by a fitted model: probabilities of them, and draws."""
