"""How supervised programs ended, by supervisord's own log: by themselves, or because somebody stopped them. Pure.

Its API knows how a program ended only until the next start, which comes at once; the log keeps it.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

from node_agent.checks.crash_rhythm import CRASHES_KEPT

_END = re.compile(r"^\S+ \S+ [A-Z]+ (exited|stopped): (.+) \((.*)\)\s*$", re.MULTILINE)
_NOT_MEANT = "not expected"


class ProgramEnds:
    """When each program crashed, found out whenever it runs under another start than before."""

    def __init__(self, dumped: Mapping[str, Any]):
        """`dumped`: what an earlier one gave; what is unfit in it is as good as absent."""
        self._starts: dict[str, int] = {}
        self._crashes: dict[str, deque[float]] = {}
        for program, row in dumped.items():
            try:
                start, *times = map(float, row)
            except (TypeError, ValueError):
                continue
            self._starts[program] = int(start)
            self._crashes[program] = deque(times, maxlen=CRASHES_KEPT)

    def started_anew(self, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of supervisord's rows that were started again since the last look: of these the log has to be read."""
        anew = []
        for row in rows:
            program, start = program_in(row), int(row.get("start") or 0)
            if start and self._starts.setdefault(program, start) != start:
                self._starts[program] = start
                anew.append(row)
        return anew

    def read(self, log: str, anew: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]) -> None:
        """How these ended, by the end of the log. Of two groups that share a program's name it cannot tell which."""
        names = Counter(str(row["name"]) for row in rows)
        last = {name: (how, why) for how, name, why in _END.findall(log)}
        for row in anew:
            name, program = str(row["name"]), program_in(row)
            how, why = last.get(name, ("", "")) if names[name] == 1 else ("", "")
            if how == "stopped":  # somebody saw to it
                self._crashes.pop(program, None)
            elif how and why.endswith(_NOT_MEANT):
                at = float(row.get("stop") or row["start"])
                self._crashes.setdefault(program, deque(maxlen=CRASHES_KEPT)).append(at)

    def crashes_of(self, program: str) -> tuple[float, ...]:
        """The times of its last crashes, in order."""
        return tuple(self._crashes.get(program, ()))

    def dump(self) -> dict[str, Any]:
        """Plain JSON: program -> [its last start, the times of its crashes]."""
        return {program: [start, *self.crashes_of(program)] for program, start in self._starts.items()}


def program_in(row: Mapping[str, Any]) -> str:
    """`group:name`, as supervisorctl addresses it."""
    return f"{row['group']}:{row['name']}"
