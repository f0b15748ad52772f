"""Python reads this when a process starts that has this folder on its path: those that a shaken test starts."""

import os

import hostile_timing

if seed := os.environ.get("MEND_SHAKE"):
    hostile_timing.shake(seed)
