"""From check results to incidents that are remembered, and from their changes to events. Asks nobody."""
