"""The observer on HTTP: page, API, hooks, health. Decides nothing itself; only a person's verb moves a file."""
