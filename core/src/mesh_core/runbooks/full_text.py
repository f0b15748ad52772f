"""Full text over runbooks: BM25 by SQLite's FTS5, in memory, which comes with Python. Scores words, decides nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

from mesh_core.runbooks.folding import words_of
from mesh_core.runbooks.runbook import Runbook

MAX_WORDS = 60  # of a question
# Weights: of a word in the names, in title and words, and in the rest.
_BEST = (
    "SELECT rowid, -bm25(runbooks, 4.0, 3.0, 1.0) AS score FROM runbooks "
    "WHERE runbooks MATCH ? ORDER BY score DESC, rowid LIMIT ?"
)
# They say nothing of what is wrong, and stand in many an alert.
_EMPTY = frozenset(
    {
        *("a", "an", "and", "are", "as", "at", "be", "been", "by", "for", "from", "has", "have", "in", "is", "it"),
        *("no", "not", "of", "on", "or", "than", "that", "the", "this", "to", "was", "were", "will", "with"),
        *("alert", "alertname", "firing", "instance", "job", "value", "current", "host", "hostname", "node", "server"),
        *("service", "minutes", "seconds", "hours"),
    }
)


class FullText:
    """Of these runbooks, for any thread; 150 of them take 10 ms to read in."""

    def __init__(self, runbooks: Sequence[Runbook]):
        self._asked = threading.Lock()
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        self._rows.execute(
            "CREATE VIRTUAL TABLE runbooks USING fts5 (names, called, rest, tokenize = 'porter unicode61')"
        )
        self._rows.executemany(
            "INSERT INTO runbooks (rowid, names, called, rest) VALUES (?, ?, ?, ?)",
            [_row(number, one) for number, one in enumerate(runbooks)],
        )

    def scores(self, words: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """(number of the runbook, score), the best first; the score grows with each word that few runbooks have.
        `words`: what is asked for (below)."""
        question = " OR ".join(f'"{word}"' for word in words)
        if not question:
            return []
        with self._asked:
            found = self._rows.execute(_BEST, (question, limit)).fetchall()
        return [(int(number), float(score)) for number, score in found]


def asked_for(text: str) -> list[str]:
    """The words of a question that say something, each once."""
    return list(dict.fromkeys(word for word in words_of(text) if word not in _EMPTY))[:MAX_WORDS]


def _row(number: int, runbook: Runbook) -> tuple[int, str, str, str]:
    names = " ".join(dict.fromkeys(word for name in runbook.alerts for word in words_of(name)))
    called = " ".join(words_of(f"{runbook.title} {runbook.words}"))
    return number, names, called, " ".join(words_of(f"{runbook.means} {runbook.look} {runbook.not_when}"))
