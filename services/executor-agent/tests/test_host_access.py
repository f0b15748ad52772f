"""What a run is shown of this machine follows from its own host's inventory: its key, and nobody else's."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from executor_agent.isolation import sandbox
from executor_agent.isolation.host_access import HostAccess, host_access
from executor_agent.isolation.sandbox import Isolation, SandboxMode, SandboxUnavailable, choose_isolation
from executor_agent.isolation.view import View, Wall, below, outermost
from mesh_core.runtime.executor_notes import IsolationNote, read_isolation
from mesh_core.storage import files

AGENT = "/run/agent.sock"


def reach(host: dict[str, Any], **environment: str) -> HostAccess:
    return host_access(host, "far", {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": AGENT, **environment})


def a_key(path: Path, passphrase: str = "") -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    return str(path)


def test_the_key_of_the_host_is_shown_and_the_agent_only_where_the_key_does_not_do(tmp_path: Path) -> None:
    plain, sealed = a_key(tmp_path / "plain"), a_key(tmp_path / "sealed", "a passphrase")
    shown = reach({"ansible_ssh_private_key_file": plain})
    assert not shown.local
    assert plain in shown.files
    assert sealed not in shown.files
    assert AGENT not in shown.files
    for host in ({"ansible_ssh_private_key_file": sealed}, {}):  # it must be asked; nobody said which key
        assert AGENT in reach(host).files


def test_what_sshs_own_configuration_says_about_the_host_counts(tmp_path: Path) -> None:
    key = a_key(tmp_path / "of-far")
    (tmp_path / "config").write_text(
        f"Host 192.0.2.7\n IdentityFile {key}\n UserKnownHostsFile {tmp_path}/hosts\n ProxyJump jump\n"
        f"Host jump\n IdentityFile {tmp_path}/of-jump\nHost *\n IdentityFile {tmp_path}/of-others\n"
    )
    with_config = {"ansible_host": "192.0.2.7", "ansible_ssh_common_args": f"-F {tmp_path}/config"}
    shown = reach(with_config).files
    assert key in shown
    assert f"{tmp_path}/hosts" in shown
    assert f"{tmp_path}/of-jump" in shown
    assert f"{tmp_path}/config" in shown


def test_this_machine_an_engine_and_what_the_inventory_adds() -> None:
    assert reach({"ansible_connection": "local"}) == HostAccess(True, False, ())
    assert reach({"ansible_connection": "local", "ansible_become": True}).becomes
    assert reach({"ansible_connection": "docker"}, DOCKER_HOST="unix:///run/d.sock").files == ("/run/d.sock",)
    assert "/srv/certs" in reach({"mend_run_reads": ["/srv/certs", "relative"]}).files


def test_a_view_travels_whole_and_nothing_else_is_taken_for_one() -> None:
    view = View(Wall.LANDLOCK, True, ("/a",), ("/b",), ("/c",))
    assert View.parse(view.dump()) == view
    for text in ("", "{}", "[]", '{"wall": "glass"}', '{"wall": "none", "whole": true, "reads": 1}'):
        with pytest.raises(ValueError):
            View.parse(text)
    assert outermost(["/a/b", "/a", "/ab", "/a/b/c"]) == ["/a", "/ab"]
    assert (below("/a", "/a"), below("/ab", "/a"), below("/a/b", "/a"), below("/x", "/")) == (True, False, True, True)


def test_a_full_disk_keeps_no_executor_from_starting_and_leaves_no_old_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.announce(Isolation(Wall.NAMESPACES), tmp_path)
    assert read_isolation(tmp_path) == IsolationNote("namespaces", Isolation(Wall.NAMESPACES).sentence)

    def no_space(path: Path, data: bytes, *more: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_write_temporary", no_space)
    sandbox.announce(Isolation(Wall.NONE), tmp_path)
    assert read_isolation(tmp_path) is None


def test_where_a_wall_is_required_nothing_goes_on_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "strongest_wall", lambda: Wall.NONE)
    with pytest.raises(SandboxUnavailable, match="EXECUTOR_SANDBOX=required"):
        choose_isolation(SandboxMode.REQUIRED, tmp_path, {})
    assert choose_isolation(SandboxMode.AUTO, tmp_path, {}).wall is Wall.NONE
    assert "can read everything" in choose_isolation(SandboxMode.AUTO, tmp_path, {}).sentence
    # Who is not root cannot use sudo behind a wall: such a host's runs have none, or do not begin.
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    sudo = HostAccess(local=True, becomes=True, files=())
    assert Isolation(Wall.NAMESPACES).view_for(sudo, (), ()).wall is Wall.NONE
    with pytest.raises(SandboxUnavailable, match="sudo cannot be used"):
        Isolation(Wall.NAMESPACES, required=True).view_for(sudo, (), ())
    elsewhere = HostAccess(local=False, becomes=True, files=())
    assert Isolation(Wall.NAMESPACES, required=True).view_for(elsewhere, (), ()).wall is Wall.NAMESPACES
