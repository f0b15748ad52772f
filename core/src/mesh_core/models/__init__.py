"""What travels, and its form on the wire: events, proposals, outcomes, parsing. Pure; no I/O, no clock."""
