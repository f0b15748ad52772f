"""The folders where people say yes: names, moves, a person's verbs. The only door to a host."""
