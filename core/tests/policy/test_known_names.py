"""One thing has one name, whatever an alert calls it: that of the inventory, or that of the node's own agent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_name
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.policy.names.hosts import host_in, node_for
from mesh_core.policy.names.known_names import KnownNames


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("web01:9100", "web01"),
        ("Web01.LAN.:9100", "Web01.LAN."),
        ("https://user:secret@Shop.example:8443/health?x=1", "Shop.example"),
        ("fd00:10::21", "fd00:10::21"),
        ("[fd00::1]:9100", "fd00::1"),
        ("http://[2001:db8::1]/x", "2001:db8::1"),
        ("2001:db8::1:8080", "2001:db8::1:8080"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("::1", "::1"),
        ("10.0.0.5:9100", "10.0.0.5"),
        ("http://[fe80::1%25eth0]:8080/", "fe80::1%eth0"),
        ("smb://NAS01/share", "NAS01"),
        ("\\\\NAS01\\share", "NAS01"),
        ("//NAS01/share", "NAS01"),
        ("https://", ""),
        ("", ""),
        ("[", ""),
    ],
)
def test_a_host_is_read_whole_and_as_it_was_written(text: str, host: str) -> None:
    assert host_in(text) == host


def test_every_address_is_a_node_of_its_own_and_the_same_address_is_the_same_node() -> None:
    apart = [
        *("fd00:10::21", "fd00:10::77", "fd00:1::0", "fd00::1:0", "fe80::1", "fe80::1%eth0", "fe80::1%1", "fe80::1:1"),
        *("::1", "::2", "1::", "10.0.0.5", "10.0.0.50", "сервер", "сервис", "büro", "buro", "nas.lan", "nas"),
    ]
    names = [node_for(host) for host in apart]
    assert len(set(names)) == len(apart)
    assert all(is_name(name) for name in names), names
    assert node_for("xn--bro-hoa.lan") == node_for("BÜRO.lan") == node_for("bu\u0308ro.lan") != node_for("buro.lan")
    assert node_for("xn--") == "xn--"
    for one, other in (("FD00:10:0::21", "fd00:10::21"), ("::ffff:10.0.0.5", "10.0.0.5"), ("nas.lan.", "nas.lan")):
        assert node_for(one) == node_for(other)
    assert node_for("...") == node_for("") == ""


KNOWN = KnownNames(
    hosts={
        "NAS01": "",
        "nas": "10.0.0.5",
        "pi4": "fd00:10::21",
        "web.shop.example": "",
        "box": "box.site.example",
        **dict.fromkeys(("jump-a", "jump-b"), "10.9.9.9"),
        "here": "127.0.0.1",
        "office": "büro.lan",
        "shed.lan": "",
        "pump.garden.lan": "",
        "two.lan": "",
        "two.iot.home.arpa": "",
    },
    services={
        "pi4": frozenset({"caddy.service", "srv-data.mount", "web", "Jellyfin"}),
        "Attic": frozenset({"db", "db.service"}),
        "lonely.lan": frozenset(),
    },
)


@pytest.mark.parametrize(
    ("host", "node"),
    [
        ("NAS01", "NAS01"),
        ("nas01", "NAS01"),
        ("nas01.", "NAS01"),
        ("nas01.local", "NAS01"),
        ("nas01.fritz.box", "NAS01"),
        ("10.0.0.5", "nas"),
        ("::ffff:10.0.0.5", "nas"),
        ("FD00:10:0:0::21", "pi4"),
        ("fd00:10::21%eth0", "pi4"),  # a zone tells only link-local addresses apart
        ("web", "web.shop.example"),
        ("nas01.shop.example", "NAS01"),  # the inventory writes hosts of that domain
        ("BOX.site.example", "box"),
        ("nas01.home.lan", "NAS01"),  # a part of a private domain is private
        ("pump", "pump.garden.lan"),
        ("shed.local", "shed.lan"),  # mDNS has one domain for all
        ("xn--bro-hoa.lan:9100".partition(":")[0], "office"),
        ("Büro.LAN", "office"),
        ("attic", "Attic"),  # no host of the inventory, but an agent speaks from there
        ("lonely", "lonely.lan"),
        # Nobody, or nobody knows which.
        ("10.0.0.50", ""),
        ("10.9.9.9", ""),
        ("127.0.0.1", ""),
        ("two", ""),
        ("two.local", ""),
        ("shed.somewhere.example", ""),
        ("shed.home", ""),
        ("fd00:10::2", ""),
        ("nas01.somewhere.example", ""),
        ("nas0", ""),
        ("", ""),
    ],
)
def test_a_host_is_the_one_of_the_inventory_or_of_the_world(host: str, node: str) -> None:
    assert KNOWN.node(host) == node


@pytest.mark.parametrize(
    ("node", "service", "runtime", "known"),
    [
        ("pi4", "caddy", "systemd", ("caddy.service", "systemd")),
        ("pi4", "caddy.service", "systemd", ("caddy.service", "systemd")),
        ("pi4", "caddy", "", ("caddy.service", "systemd")),
        ("pi4", "caddy.service", "", ("caddy.service", "systemd")),
        ("nowhere", "apt-daily.timer", "", ("apt-daily.timer", "systemd")),
        ("nowhere", "apt-daily.timer", "docker", ("apt-daily.timer", "docker")),
        ("pi4", "srv-data.mount", "systemd", ("srv-data.mount", "systemd")),
        ("pi4", "jellyfin", "", ("Jellyfin", "")),
        ("pi4", "web", "docker", ("web", "docker")),
        ("pi4", "caddy", "docker", ("caddy", "docker")),
        ("Attic", "db", "", ("db", "")),
        ("Attic", "db", "systemd", ("db.service", "systemd")),
        ("nowhere", "caddy", "systemd", ("caddy.service", "systemd")),
        ("nowhere", "caddy", "", ("caddy", "")),
        ("nowhere", "", "", ("", "")),
    ],
)
def test_a_service_is_called_as_its_own_agent_calls_it(
    node: str, service: str, runtime: str, known: tuple[str, str]
) -> None:
    assert KNOWN.service(node, service, runtime) == known


def test_what_somebody_types_under_a_units_name_is_a_unit() -> None:
    typed = HealthEvent(type="service_down", node="nowhere", service="cron.service")
    assert KNOWN.named(typed).payload == {"runtime": "systemd"}
    told = typed.model_copy(update={"payload": {"runtime": "docker"}})
    assert KNOWN.named(told) is told
    elsewhere = typed.model_copy(update={"payload": {"runtime": "nspawn"}})
    assert KNOWN.named(elsewhere).runtime is None


INVENTORY = b"""
all:
  vars: {ansible_user: mend}
  hosts:
    NAS01:
    nas: {ansible_host: 10.0.0.5, ansible_become_password: !vault "x"}
    templated: {ansible_host: "{{ lookup('pipe', 'id') }}"}
    'not a name': {ansible_host: 10.0.0.6}
  children:
    far:
      vars: {ansible_host: gateway.example}
      hosts: {pi4: , pi5: {ansible_host: "fd00::5"}}
"""


def test_hosts_and_addresses_are_read_out_of_an_inventory_and_nothing_is_run() -> None:
    assert Inventory.parse(INVENTORY).addresses() == {
        "NAS01": "",
        "nas": "10.0.0.5",
        "templated": "",
        "pi4": "gateway.example",
        "pi5": "fd00::5",
    }


@pytest.mark.parametrize("text", [b"", b"[]", b"all", b"{", b"all: &a {hosts: *a}", b"\xff"])
def test_an_inventory_that_cannot_be_read_knows_no_host_and_stops_nothing(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "inventory.yml"
    file.write_bytes(text)
    assert NameBook(file)().node("nas01") == ""


def test_what_somebody_types_gets_the_meshs_names_and_what_needs_none_stays_the_same_object() -> None:
    typed = HealthEvent(
        type="unit_failed", node="nas01", service="caddy", payload={"runtime": "systemd", "host": "nas01"}
    )
    named = KNOWN.named(typed)
    assert (named.node, named.service) == ("NAS01", "caddy.service")
    assert named.payload == {"runtime": "systemd", "host": "NAS01", "host_said": "nas01"}
    for same in (
        named,
        HealthEvent(type="disk_full", node="nowhere"),
        HealthEvent(type="x", node="pi4", service="web"),
    ):
        assert KNOWN.named(same) is same


def test_an_address_counts_wherever_ansible_would_find_it(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yml"
    file.write_bytes(b"[nas]\nNAS01\n")
    book = NameBook(file)
    assert (book().node("nas01"), book().node("10.0.0.5")) == ("NAS01", "")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "NAS01.yml").write_text("ansible_host: 10.0.0.5\n")
    assert book().node("10.0.0.5") == "NAS01"


def test_the_book_is_read_again_when_the_file_or_the_world_changed(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yml"
    worlds: list[dict[str, frozenset[str]]] = [{}]
    book = NameBook(file, lambda: worlds[-1])
    assert book() is book()
    assert book().node("nas01") == ""
    file.write_bytes(INVENTORY)
    assert book().node("nas01") == "NAS01"
    file.write_bytes(b"all: {hosts: {Other: }}")
    os.utime(file, ns=(1, 1))
    assert (book().node("nas01"), book().node("other")) == ("", "Other")
    worlds.append({"Pi4": frozenset({"caddy.service"})})
    assert book().node("pi4") == "Pi4"
    assert book().service("Pi4", "caddy", "") == ("caddy.service", "systemd")


@pytest.mark.parametrize(
    ("host", "node"),
    [
        ("wiki.box.farm.example", "box.farm.example"),
        ("Wiki.Cellar.lan", "cellar.lan"),
        ("a.wiki.cellar.lan", ""),  # one step
        ("wiki.farm.example", ""),  # a domain, of which the host `box` is
        ("wiki.fritz.box", ""),  # the router's whole house
        ("wiki.meadow.example", ""),  # nothing tells it from a domain
        ("10.0.0.5", ""),
        ("cellar.lan", ""),
    ],
)
def test_an_address_below_a_hosts_own_name_is_served_by_that_host(host: str, node: str) -> None:
    hosts = ("box.farm.example", "farm.example", "cellar.lan", "fritz.box", "meadow.example", "0.0.5")
    assert KnownNames(hosts=dict.fromkeys(hosts, "")).node_above(host) == node
