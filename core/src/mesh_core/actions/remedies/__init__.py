"""Remedies: action types that are data, one YAML file each (docs/remedies.md). Reads and renders; runs nothing."""
