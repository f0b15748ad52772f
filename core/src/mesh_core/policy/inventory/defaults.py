"""What a host has unless the inventory says otherwise, as an inventory of its own that Ansible reads first."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import yaml

DEFAULTS_FILE = "00_defaults.yml"


def defaults(more: Mapping[str, Any] | None = None) -> bytes:
    """Hosts that are this machine use this very Python. `more`: what else every host has."""
    chosen = "{{ '" + sys.executable + "' if (ansible_connection | default('ssh')) == 'local' else 'auto_silent' }}"
    return yaml.safe_dump({"all": {"vars": {"ansible_python_interpreter": chosen, **(more or {})}}}).encode()
