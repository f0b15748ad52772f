"""Which node gives a sign of life and which one is silent. Enters events about that; restarts nothing."""
