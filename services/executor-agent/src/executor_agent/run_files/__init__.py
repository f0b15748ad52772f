"""What is kept of each run on disk: that it began, how it ended, what may be handed on, and for how long."""
