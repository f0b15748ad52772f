"""Runbooks: what is documented for trouble that others met before. Finds them, and decides nothing."""
