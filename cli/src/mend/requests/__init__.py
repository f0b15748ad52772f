"""For `mend request`: what was typed (options, words), where it goes (client), what came of it (progress, previews)."""
