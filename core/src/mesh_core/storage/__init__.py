"""Files that survive: whole writes, locks, the event archive, the audit log, the layout's version. Knows no Redis."""
