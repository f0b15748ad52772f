"""One room a command (or a few that belong together). Loaded when the command is called; nothing below imports them."""
