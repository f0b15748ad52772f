"""Requests: what a person asks for in words, made into a playbook that waits for a yes (docs/remedies.md)."""
