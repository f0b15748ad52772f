"""Alerts of other systems, read as health events: a pure mapping per sender, one way in. No routes."""
