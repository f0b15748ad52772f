"""How much Redis keeps, and who took what out of its streams. The only one that trims; never touches a file."""
