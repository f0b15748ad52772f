"""The index's tables. Names, types and outcomes are numbers in `words`: a year of events is 3.65 million rows.

`event_words` is a full-text index whose words are also the filters (node, service, type, severity): one structure
answers every combination, newest first. It holds no text of its own.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, Table, Text, text

SCHEMA_VERSION = 3  # another number in the file: it is made anew

metadata = MetaData()

words = Table("words", metadata, Column("id", Integer, primary_key=True), Column("text", Text, unique=True))

events = Table(
    "events",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("node", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("service", Integer),
    Column("type", Integer),  # null: only the decision has been seen so far
    Column("severity", Integer),
    Column("trust", Integer),
    Column("verdict", Integer),
    Column("action", Integer),
    Column("incident", Integer),
    Column("summary", Text),
)
Index("events_by_incident", events.c.incident, sqlite_where=text("incident IS NOT NULL"))
Index("events_by_action", events.c.action, sqlite_where=text("action IS NOT NULL"))

EVENT_WORDS = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS event_words USING fts5"
    "(text, content='', detail=none, columnsize=0, tokenize='ascii')"
)

# How many events of each severity came on each day; key is the day's first ms.
event_days = Table(
    "event_days",
    metadata,
    Column("day_ms", Integer, primary_key=True),
    Column("severity", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("at_ms", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event", Integer, nullable=False),
    Column("model", Integer, nullable=False),
    Column("provider", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("step", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost_usd", Float, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("attempts_by_event", attempts.c.event)

# Attempts summed up by day, so that a year is some thousand rows.
attempt_days = Table(
    "attempt_days",
    metadata,
    *(Column(n, Integer, primary_key=True) for n in ("day_ms", "model", "provider", "position", "outcome", "step")),
    Column("count", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost_usd", Float, nullable=False),
    sqlite_with_rowid=False,
)

updates = Table(
    "updates",
    metadata,
    Column("from_moves", Boolean, primary_key=True),  # of mesh:moves; entries of two streams may have the same id
    Column("at_ms", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("action_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("updates_by_action", updates.c.action_id)

# One row for each thing in actions/; `place` is <folder>/<name>, `mark` tells a changed thing from a known one.
actions = Table(
    "actions",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("place", Text, unique=True, nullable=False),
    Column("mark", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("at_ms", Integer, nullable=False),
    *(Column(n, Text) for n in ("verdict", "node", "service", "type", "action", "risk", "by", "reason")),
    Column("attempt", Integer, nullable=False),
    Column("event_id", Text),
    *(Column(n, Text) for n in ("model", "provider")),
    Column("position", Integer),
    Column("confidence", Float),
    Column("undone", Boolean),  # it did not help, and was taken back by itself
    *(Column(n, Integer) for n in ("symptom_ms", "proposed_ms", "decided_ms", "started_ms", "finished_ms")),
)
Index("actions_by_id", actions.c.id)
Index("actions_by_event", actions.c.event_id)
Index("actions_by_time", actions.c.at_ms)
for _name in ("node", "service", "folder"):
    Index(f"actions_by_{_name}", actions.c[_name], actions.c.at_ms)
# All that the healing metrics ask for, so that a year of them is read without the rows.
_TIMES = ("proposed_ms", "symptom_ms", "decided_ms", "finished_ms")
for _name in ("proposed_ms", "decided_ms", "finished_ms"):
    _rest = (n for n in (*_TIMES, "folder", "verdict", "type", "node", "service", "provider") if n != _name)
    Index(f"actions_by_{_name}", actions.c[_name], *(actions.c[n] for n in _rest))

# How far each .jsonl file was read, and single facts (`mark`, `filled`).
tails = Table("tails", metadata, Column("path", Text, primary_key=True), Column("offset", Integer, nullable=False))
facts = Table("facts", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
