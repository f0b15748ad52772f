"""What is at work on this host, read when trouble is found there and for as long as it lasts, never at rest.

One file a kind of source, each pure or a bounded read of /proc, /run and the engine; no program is started.
"""
