"""The first config/inventory.yml: this machine and nothing else. Never touches a file that is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from mesh_core.storage.files import create_whole

HEAD = """\
# The only hosts that can ever be touched: an Ansible inventory. `mend up` wrote it for this machine; it is yours now.
# Another host:   name: {ansible_host: 192.0.2.7, ansible_user: pi}
"""


def make_inventory(path: Path, node: str, variables: dict[str, Any] | None = None) -> bool:
    """Write it for `node` as the local machine, with these host variables too. False if there is one already."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **(variables or {})}
    text = HEAD + yaml.safe_dump({"all": {"hosts": {node: host}}}, sort_keys=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    return create_whole(path, text.encode())
