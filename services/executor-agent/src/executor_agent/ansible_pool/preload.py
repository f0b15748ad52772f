"""Ansible, imported and used once in the pool's server, so that no play pays for it. The only room that knows what
Ansible keeps between two plays of one process."""

from __future__ import annotations

import os
import random
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from executor_agent.ansible_pool.protocol import FAILED

# What our playbooks use and a person's first tasks would: read once here instead of once per run.
_PLUGINS = {
    "connection_loader": ("local", "ssh"),
    "shell_loader": ("sh",),
    "strategy_loader": ("linear",),
    "cache_loader": ("memory",),
    "action_loader": ("normal", "debug", "command", "assert", "fail", "set_fact", "service", "copy", "template"),
    "callback_loader": ("default",),
    "inventory_loader": ("yaml",),
    "become_loader": ("sudo", "su"),
}


def preload(folder: Path) -> None:
    """Import what a run imports, then play one small play in this very process, so that its lazy parts are there."""
    from ansible.cli.playbook import PlaybookCLI
    from ansible.executor import module_common  # noqa: F401
    from ansible.executor.process import worker  # noqa: F401
    from ansible.plugins import loader

    loader.init_plugin_loader()
    for name, plugins in _PLUGINS.items():
        for plugin in plugins:
            getattr(loader, name).get(plugin, class_only=True)
    for kind in (loader.filter_loader, loader.test_loader):
        list(kind.all(class_only=True))
    play = folder / "preload.yml"
    play.write_text(
        "- hosts: here\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.command: {argv: ['true']}\n"
        "    - ansible.builtin.assert: {that: ['inventory_hostname is defined'], quiet: true}\n"
    )
    inventory = folder / "preload-inventory.yml"
    inventory.write_text(
        f"all: {{hosts: {{here: {{ansible_connection: local, ansible_python_interpreter: '{sys.executable}'}}}}}}\n"
    )
    keep = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.environ["AWX_ISOLATED_DATA_DIR"] = str(folder)
    try:
        PlaybookCLI(["ansible-playbook", "-i", str(inventory), str(play)]).run()
    finally:
        os.dup2(keep, 1)
        os.close(keep)
        os.close(null)
    shutil.rmtree(folder / "job_events", ignore_errors=True)
    _runner_events()


def play(arguments: list[str], tmp: Path) -> int:
    """ansible-playbook with these arguments, in this process, which has preloaded it; its exit code."""
    from ansible import constants
    from ansible.cli.playbook import PlaybookCLI
    from ansible.parsing.vault import VaultSecretsContext
    from ansible.utils.context_objects import GlobalCLIArgs

    random.seed()
    warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
    _runner_events().private_data_dir = os.environ.get("AWX_ISOLATED_DATA_DIR")
    GlobalCLIArgs._Singleton__instance = None  # else the arguments of the preload would win
    VaultSecretsContext._current = None
    constants.ANSIBLE_HOME = constants.DEFAULT_LOCAL_TMP = str(tmp)  # there is no other place inside the wall
    code = FAILED
    try:
        PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _runner_events() -> Any:
    """Where ansible-runner's callback puts its events: it read that at import (the preload); a run says it anew."""
    module = next(module for name, module in list(sys.modules.items()) if name.endswith(".awx_display"))
    return module.event_context.cache
