"""How anything of ours reaches a terminal: text made harmless, times, tables that fit, warnings. Knows no proposal."""
