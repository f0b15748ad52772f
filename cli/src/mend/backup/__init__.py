"""A mesh in one file: what goes into it and as what (snapshot, contents), its form (archive), Redis as text
(redis_copy over redis_keys), and the way back (restoring, redis_loading). Nothing in here runs, approves or decides
anything."""
