"""A mesh in one file: what goes into it and as what (cut, contents), its form (archive), Redis as text (redis_copy),
and the way back (restoring). Nothing in here runs, approves or decides anything."""
