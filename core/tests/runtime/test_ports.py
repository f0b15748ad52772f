"""A port that was asked for is there for the server that it is for."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from mesh_core.runtime import ports
from mesh_core.runtime.ports import free_port, is_free


def test_no_connection_can_have_the_port_before_its_server_and_it_is_told_once() -> None:
    first_of_the_kernel = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    told = [free_port() for _ in range(200)]
    assert len(set(told)) == 200
    if first_of_the_kernel > ports.LOWEST:
        assert ports.LOWEST <= min(told) <= max(told) < first_of_the_kernel


def test_a_port_that_something_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_turns", itertools.count())
    first = free_port()
    with socket.create_server(("127.0.0.1", first)):
        assert not is_free("127.0.0.1", first)
        monkeypatch.setattr(ports, "_turns", itertools.count())  # from the beginning, as the first time
        assert free_port() != first


@pytest.mark.parametrize("said", ["1024 65535\n", "\n", None], ids=["all are the kernel's", "nothing", "no such file"])
def test_a_machine_that_says_something_else_of_its_ports_has_one_all_the_same(
    said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "range"
    if said is not None:
        file.write_text(said)
    monkeypatch.setattr(ports, "_OF_THE_KERNEL", file)
    assert is_free("127.0.0.1", free_port())
