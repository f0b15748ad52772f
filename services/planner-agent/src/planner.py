"""`python src/planner.py`: the planner, as `python -m planner_agent` starts it (docs/seeds.md)."""

from __future__ import annotations

from planner_agent.__main__ import main

if __name__ == "__main__":
    main()
