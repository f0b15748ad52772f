"""People are told what happened, by their own rules, at least once. Nothing else waits for it; it decides nothing."""
