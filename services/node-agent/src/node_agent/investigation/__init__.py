"""What an agent looks up on its own host at the moment of an event, read-only: one file a room of facts.

No shell; a program only where nothing else knows. Bounded in time, entries and output; what cannot be had is left out.
"""
