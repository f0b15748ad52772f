"""What a thing works with was away and is there, in the words of whoever looked (decision 0209)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows

FAILED: dict[str, Any] = {"runtime": "systemd", "unit": "web.service", "active_state": "failed", "exit_code": 1}
TAKEN = "listen tcp :8123: bind: address already in use"
NO_ADDRESS = "cannot bind to 192.168.9.2: Cannot assign requested address"
NO_DEVICE = "ERROR cannot open /dev/ttyUSB3: No such file or directory"
NO_NETWORK = "connect: network is unreachable"
NO_SERVER = "Error: connect ETIMEDOUT 10.0.0.4:5672"
NO_FOLDER = "fatal: cannot open /run/web: No such file or directory"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (TAKEN, {"port_8123": "free since 04:12 (the old process ended)"}),
        (TAKEN, {"tcp 8123": "released, free now"}),
        (TAKEN, {"port": "is free again"}),
        (TAKEN, {"porta 8123 adesso": "libera, l'altro è finito"}),
        (TAKEN, {"puerto": "liberado a las 04:12"}),
        (TAKEN, {"port 8123": "frei"}),
        (NO_SERVER, {"broker jetzt": "aktiv"}),
        (NO_ADDRESS, {"address": "192.168.9.2 came up 6 s later"}),
        (NO_ADDRESS, {"192.168.9.2": "on br0, up since 03:01:40"}),
        (NO_ADDRESS, {"br0": "up 9 s after the start"}),
        (NO_ADDRESS, {"vip": "ist jetzt da"}),
        (NO_DEVICE, {"udev": "/dev/ttyUSB3 appeared 20 s later"}),
        (NO_DEVICE, {"stick": "plugged back in at 07:30"}),
        (NO_DEVICE, {"dev_ttyusb3": "present now"}),
        (NO_DEVICE, {"serial": "wieder da seit 07:30"}),
        (NO_NETWORK, {"red": "ya hay red (ping 1.1.1.1 9 ms)"}),
        (NO_NETWORK, {"rete": "ora raggiungibile"}),
        (NO_NETWORK, {"réseau": "rétabli depuis 5 min"}),
        (NO_NETWORK, {"netz": "wieder erreichbar"}),
        (NO_NETWORK, {"network": "came up 12 s after the start"}),
        (NO_NETWORK, {"jetzt": {"netz": "erreichbar"}}),
        (NO_NETWORK, {"now": {"wan": "up"}}),
        (NO_SERVER, {"broker": "10.0.0.4:5672 open, restarted at 08:00"}),
        (NO_SERVER, {"queue": "Up 4 minutes (healthy), host rebooted"}),
        (NO_FOLDER, {"dir_now": "exists"}),
        (TAKEN, {"now": "port 8123 is free since 04:12"}),
        (NO_NETWORK, {"jetzt": "Netz ist wieder da"}),
        (NO_DEVICE, {"now": "ls: /dev/ttyUSB3 present since 11:20"}),
    ],
)
def test_what_is_there_now_stands_against_no_start(line: str, said: dict[str, Any]) -> None:
    assert allows("unit_failed", FAILED | {"logs": [line]} | said, severity="error").preferred == RESTART


def test_a_container_beside_it_that_is_well_is_there() -> None:
    said = {"runtime": "docker", "logs": [NO_SERVER]}
    assert allows("container_unhealthy", said, severity="error").preferred == NOTIFY
    well = said | {"queue": "Up 4 minutes (healthy)"}
    assert allows("container_unhealthy", well, severity="error").preferred == RESTART
    itself = said | {"container": "Up 4 minutes (healthy)"}
    assert allows("container_unhealthy", itself, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (TAKEN, {"port_8123": "nginx has it"}),
        (TAKEN, {"port_8123": "not free"}),
        (TAKEN, {"puerto 8123": "no libre"}),
        (TAKEN, {"portal": "libre"}),
        (TAKEN, {"now": "tea is ready since 04:12"}),
        (TAKEN, {"now": "port 8123 is not free"}),
        (TAKEN, {"previous_port": "free since 04:12"}),
        (TAKEN, {"logs": [TAKEN, "port 8123 is free now"]}),  # anybody may write a line
        (TAKEN, {"message": "port 8123 is free now"}),
        (TAKEN, {"udev": "/dev/ttyUSB3 appeared 20 s later"}),  # another thing
        (NO_ADDRESS, {"address": "still not there"}),
        (NO_ADDRESS, {"br0": "was up until 03:00"}),
        (NO_DEVICE, {"udev": "/dev/ttyUSB3 did not appear"}),
        (NO_DEVICE, {"stick": "war da, ist nicht mehr da"}),
        (NO_NETWORK, {"netz": "nicht wieder da"}),
        (NO_NETWORK, {"before": {"wan": "up"}}),
        (NO_FOLDER, {"dir": "exists not"}),
        (NO_FOLDER, {"queue": "Up 4 minutes (healthy)"}),
        (NO_NETWORK, {"rete": "non è ancora raggiungibile"}),
        (NO_NETWORK, {"red": "ya no hay red"}),
        ("config.toml: unknown directive 'lisen'", {"port_8123": "free since 04:12"}),
        ("open /etc/web/key: permission denied", {"udev": "/dev/ttyUSB3 appeared 20 s later"}),
    ],
)
def test_what_is_not_there_or_is_something_else_still_does(line: str, said: dict[str, Any]) -> None:
    assert allows("unit_failed", FAILED | {"logs": [line]} | said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"eth1": "UP since 06:31:20 (unit started 06:31:02)"},
        {"interface": "br0 came up 12 s later"},
        {"gpu": "appeared 20 s after the start"},
        {"usb": "plugged in 3 min later"},
        {"tun0": "created 5 s later"},
        {"netzwerk": "kam 14 s später"},
    ],
)
def test_what_came_before_what_it_needs_is_started_anew(said: dict[str, Any]) -> None:
    assert allows("nothing_received", said, severity="error").preferred == RESTART
    assert allows("nothing_received", {"logs": [str(said)]}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "said",
    [
        {"eth1": "UP since 06:30:20 (unit started 06:31:02)"},
        {"gpu": "appeared 20 s before the start"},
        {"usb": "not plugged in"},
        {"note": "the gpu appeared 20 s later"},
        {"upgrade": "came 20 s later"},
    ],
)
def test_what_came_before_it_or_not_at_all_says_nothing(said: dict[str, Any]) -> None:
    assert allows("nothing_received", said, severity="error").actions == {NOTIFY}
