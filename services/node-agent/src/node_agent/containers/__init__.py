"""What a container engine tells of its containers: who each is, how it fares, what became of it. Reads only."""
