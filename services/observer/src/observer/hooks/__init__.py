"""Alerts of other systems, read as health events: one pure mapping per sender, one gate, one way in. No routes."""
