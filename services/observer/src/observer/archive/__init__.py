"""events/ on disk: events, decisions, attempts and updates as lines, and how long they stay. Knows no Redis."""
