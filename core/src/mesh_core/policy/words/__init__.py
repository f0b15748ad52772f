"""What the words of an event say: its text by lines and cues, the name of its thing, the line of a check."""
