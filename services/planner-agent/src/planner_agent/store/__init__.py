"""What all planners remember together, in Redis: gates, decisions, what was run; and how much a trouble weighs."""
