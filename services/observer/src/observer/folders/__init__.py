"""What people, or the clock, changed in actions/ and silences/: told, and tidied up. Approves and rejects nothing."""
