"""From the streams to archive, logbook and world: one loop that acknowledges only what is on disk. Decides nothing."""
