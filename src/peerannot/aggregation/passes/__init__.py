"""What loops over answers are fed with, and the loops: E/M, coin and vote passes."""
