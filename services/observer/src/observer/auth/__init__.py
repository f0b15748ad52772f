"""Who may come in at the observer: people, tokens, sessions, limits. Knows no route and moves no file."""
