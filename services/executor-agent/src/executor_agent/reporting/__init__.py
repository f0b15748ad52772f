"""What the executor says of its work: reports that survive it, and lines while something runs."""
