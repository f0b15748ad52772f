"""The `mend` command: a reader of files and channels, plus the verbs of a person. Never runs anything on a host."""
