"""Processes of runs on this machine: who descends from whom, what was left behind, and how that is ended."""
