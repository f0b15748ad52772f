"""A mesh in one file: what goes into it and as what (snapshot, contents), its form and both ways (archive*), Redis as
text and back (redis_*), and putting it all back (restoring). Nothing in here runs, approves or decides anything."""
