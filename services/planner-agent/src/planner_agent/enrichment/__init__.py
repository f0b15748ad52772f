"""What the rest of the mesh knows of an event: the host it asks, an agent's sight of it, whether anything can run."""
