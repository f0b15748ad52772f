"""What a run's environment is: an allow-list, so that no API key of the executor ever reaches a playbook. Pure but for
where Python's packages lie."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# What a run may know of the executor's environment. Docker's names only say where the engine is.
ALLOWED = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "TZ",
        "SSH_AUTH_SOCK",
        "DOCKER_HOST",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "DOCKER_TLS_HOSTNAME",
        "DOCKER_CONFIG",
        "DOCKER_API_VERSION",
    }
)


def run_environment(environment: Mapping[str, str], home: Path, collections: Path | None = None) -> dict[str, str]:
    """The environment of every Ansible run: allow-listed names of `environment`, and all of Ansible's settings.

    No ANSIBLE_* of the caller gets through. `home` is a private folder for Ansible's own files; `collections`
    defaults to where `make env` puts them.
    """
    prefix = Path(sys.prefix)
    runner = importlib.util.find_spec("ansible_runner")
    if runner is None or not runner.submodule_search_locations:
        raise RuntimeError("ansible-runner is not installed in this environment; run: make env")
    return {
        **{name: value for name, value in environment.items() if name in ALLOWED},
        "PATH": f"{prefix / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(Path(__file__).with_name("ansible.cfg")),
        "ANSIBLE_HOME": str(home / "home"),
        "ANSIBLE_LOCAL_TEMP": str(home / "home" / "tmp"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections or prefix / "share" / "ansible" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        # Said by ansible-runner for every run; the server must have read the same at import.
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(runner.submodule_search_locations[0], "display_callback", "callback")),
        "ANSIBLE_STDOUT_CALLBACK": "awx_display",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
    }
