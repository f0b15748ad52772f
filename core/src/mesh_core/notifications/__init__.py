"""A message to people's own targets, sent by a child process that alone imports the library for it."""
