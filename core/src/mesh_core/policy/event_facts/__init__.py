"""What an event says in fields of a known meaning, and what an agent sees of its thing. Words are another package."""
