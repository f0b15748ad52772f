"""What an agent looked up, in sentences; and whose word counts."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.incidents.findings import findings_in, in_short
from mesh_core.incidents.investigation import fact_in, investigated
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.sizes import size_in_words
from mesh_core.policy.event_facts.facts import facts_for
from mesh_core.policy.policy import Policy

GIB = 2**30


def event(found: object, trust: Trust = Trust.NODE, **payload: Any) -> HealthEvent:
    payload = {**payload, "investigation": found}
    return HealthEvent(type="disk_space_low", node="pi4", payload=payload, trust=trust)


@pytest.mark.parametrize(
    ("room", "facts", "told"),
    [
        (
            "hung",
            {"processes": 5, "programs": "4 rsync, 1 cp", "failed_units": 0, "carries_mesh": False},
            [
                "5 processes hang in the kernel, and no signal ends them [hung.processes]",
                "what hangs there: 4 rsync, 1 cp [hung.programs]",
            ],
        ),
        ("hung", {"processes": 0, "carries_mesh": True}, []),
        (
            "disk",
            {"mount": "/var", "used_percent": 97, "size_bytes": 10 * GIB, "free_bytes": GIB // 4},
            ["/var is 97 % full, 256 MiB of 10 GiB free [disk.used_percent]"],
        ),
        ("disk", {"inodes_used_percent": 99}, ["99 % of its inodes are used [disk.inodes_used_percent]"]),
        ("disk", {"inodes_used_percent": 12, "biggest": [], "deleted_open": []}, []),
        (
            "disk",
            {
                "biggest": [{"path": "/var/log", "bytes": 4 * GIB}, {"path": "/var/lib", "bytes": 3000}],
                "complete": True,
            },
            ["most of it lies in /var/log 4.0 GiB, /var/lib 2.9 KiB [disk.biggest]"],
        ),
        (
            "disk",
            {"biggest": [{"path": "/a", "bytes": 5}], "complete": False},
            ["most of it lies in /a 5 bytes; there was no time to look everywhere [disk.biggest]"],
        ),
        (
            "disk",
            {"deleted_open": [{"pid": 7, "program": "nginx", "bytes": GIB}]},
            ["files that are deleted and still open: nginx 1.0 GiB [disk.deleted_open]"],
        ),
        ("journal", {"bytes": int(3.9 * GIB), "mount": "/"}, ["the journal holds 3.9 GiB [journal.bytes]"]),
        ("journal", {"bytes": 0}, []),
        (
            "packages",
            {"cache_bytes": GIB, "manager": "apt"},
            ["the cache of the package manager holds 1.0 GiB [packages.cache_bytes]"],
        ),
        (
            "docker",
            {"build_cache_bytes": 11 * GIB, "dangling_bytes": GIB, "exited_containers": 3, "mount": "/"},
            [
                "the engine's build cache holds 11 GiB [docker.build_cache_bytes]",
                "images that nothing uses hold 1.0 GiB [docker.dangling_bytes]",
                "3 containers ended and are still there [docker.exited_containers]",
            ],
        ),
        (
            "docker",
            {"build_cache_bytes": 0, "exited_containers": 0, "logs": [{"container": "web", "bytes": GIB}]},
            ["the largest logs of containers: web 1.0 GiB [docker.logs]"],
        ),
        (
            "memory",
            {
                "available_bytes": 300 * 2**20,
                "swap_free_bytes": 2 * GIB,
                "top": [
                    {"unit_or_container": "db.service", "program": "mariadbd", "pss_bytes": 3 * GIB},
                    {"program": "sh", "pss_bytes": 5000},
                ],
            },
            [
                "300 MiB of memory are available, 2.0 GiB of swap are free [memory.available_bytes]",
                "most memory is taken by mariadbd (db.service) 3.0 GiB, sh 4.9 KiB [memory.top]",
            ],
        ),
        ("memory", {"limit_bytes": 64 * 2**20}, ["the container may take 64 MiB [memory.limit_bytes]"]),
        ("memory", {"available_bytes": 5, "top": 7}, ["5 bytes of memory are available [memory.available_bytes]"]),
        (
            "unit",
            {"enabled": False, "failed_requirements": ["db.service", 5], "changed_seconds_ago": 7300},
            [
                "the unit is not enabled: it does not start with the host [unit.enabled]",
                "what it requires has failed: db.service [unit.failed_requirements]",
                "its unit file was changed 2 h before [unit.changed_seconds_ago]",
            ],
        ),
        ("unit", {"enabled": True, "failed_requirements": [], "changed_seconds_ago": 10**6}, []),
        (
            "network",
            {"name_resolves": True, "port_open": True, "certificate_days_left": 1},
            ["its certificate is good for 1 more day [network.certificate_days_left]"],
        ),
        (
            "network",
            {"port_open": False, "certificate_days_left": -3},
            [
                "its port takes no connection [network.port_open]",
                "its certificate has run out [network.certificate_days_left]",
            ],
        ),
        (
            "mount",
            {"point": "/srv/nas", "is_mounted": False, "stale": False, "source_there": True, "declared_in": "fstab"},
            [
                "/srv/nas is not mounted [mount.is_mounted]",
                "what it is mounted from is there [mount.source_there]",
            ],
        ),
        (
            "mount",
            {
                **{"point": "/srv/nas", "is_mounted": True, "stale": True, "source_there": False},
                "open_by": [{"pid": 7, "program": "jellyfin", "files": 3}, {"program": "sh", "files": 1}, 5],
            },
            [
                "/srv/nas is mounted and does not answer [mount.stale]",
                "what it is mounted from is not there [mount.source_there]",
                "neither fstab nor a unit says how it is mounted [mount.declared_in]",
                "files are open there: jellyfin (3 files), sh (1 file) [mount.open_by]",
            ],
        ),
        ("mount", {"point": 5, "source_there": "yes", "open_by": 7, "declared_in": "unit"}, []),
        ("tmp", {"old_bytes": GIB, "mount": "/"}, ["old temporary files hold 1.0 GiB [tmp.old_bytes]"]),
        (
            "network",
            {"name_resolves": False, "host": "shop.lan", "name_cache": "nscd"},
            [
                "its name leads to no address [network.name_resolves]",
                "nscd remembers names on this host [network.name_cache]",
            ],
        ),
        ("network", {"name_resolves": False}, ["its name leads to no address [network.name_resolves]"]),
        ("network", {"name_resolves": True, "port_open": True, "certificate_days_left": 90}, []),
        (
            "certificate",
            {"names": ["shop.example", 7], "left_seconds": 5 * 86400, "newer_on_disk": True}
            | {"manager": "certbot", "lineage": "shop", "unit": "nginx.service", "can_reload": True},
            [
                "the certificate of shop.example is good for 5 days more [certificate.left_seconds]",
                "a newer one lies on the disk and is not shown yet [certificate.newer_on_disk]",
                "certbot keeps it as shop [certificate.manager]",
                "it is shown by nginx.service [certificate.unit]",
            ],
        ),
        (
            "certificate",
            {"left_seconds": 0, "newer_on_disk": False, "unit": "mail.service", "can_reload": False},
            [
                "the certificate has run out [certificate.left_seconds]",
                "it is shown by mail.service, which cannot reload [certificate.unit]",
            ],
        ),
        (
            "config",
            {"program": "nginx", "file": "/etc/nginx/a", "behind_seconds": 300},
            ["/etc/nginx/a was changed 5 min after the configuration was loaded [config.behind_seconds]"],
        ),
        ("config", {"program": "nginx", "file": "/etc/nginx/a", "behind_seconds": 0}, []),
        (
            "logs",
            {"rule": "rsyslog", "bytes": GIB, "mount": "/var"},
            ["the log files that logrotate's rule rsyslog knows hold 1.0 GiB [logs.bytes]"],
        ),
        (
            "changed",
            {
                "rows": [
                    {"kind": "package", "name": "nginx 1.2 -> 1.3 and 4 more", "seconds_ago": 600},
                    {"kind": "boot", "name": "", "seconds_ago": 86000},
                    {"kind": "package", "name": None, "seconds_ago": 1},
                ]
            },
            [
                "changed within a day: package nginx 1.2 -> 1.3 and 4 more (10 min before); "
                "the host was started (23 h before) [changed.rows]"
            ],
        ),
        # another shape than an agent's: nothing is said, and nothing raised
        ("disk", {"mount": 5, "used_percent": "97", "biggest": {"path": 1}, "deleted_open": [7, {"program": []}]}, []),
        ("journal", {"bytes": True}, []),
        ("unheard_of", {"bytes": 5}, []),
    ],
)
def test_what_was_found_in_sentences_that_name_the_fact(room: str, facts: dict[str, Any], told: list[str]) -> None:
    assert [str(finding) for finding in findings_in(event({room: facts, "took_ms": 12}))] == told


def test_in_short_it_is_how_it_stands_and_what_takes_most() -> None:
    found = {
        "disk": {"mount": "/var", "used_percent": 97, "biggest": [{"path": "/var/log", "bytes": 50 * GIB}]},
        "journal": {"bytes": 4 * GIB},
        "packages": {"cache_bytes": GIB},
        "docker": {"build_cache_bytes": 12 * GIB, "dangling_bytes": 2 * GIB, "exited_containers": 3},
    }
    told = [finding.fact for finding in in_short(event(found), 4)]
    assert told == ["disk.used_percent", "docker.exited_containers", "docker.build_cache_bytes", "journal.bytes"]
    assert in_short(event({}), 4) == ()


def test_only_an_agents_own_word_counts() -> None:
    found = {"journal": {"bytes": 5 * GIB}, "took_ms": 7, "disk": "full"}
    assert fact_in(event(found), "journal.bytes") == 5 * GIB
    assert fact_in(event(found), "journal.mount") is None
    assert fact_in(event(found), "docker.bytes") is None
    assert set(investigated(event(found))) == {"journal"}
    for trust in (Trust.FOREIGN, Trust.OBSERVER, Trust.MESH):
        assert investigated(event(found, trust)) == {}
        assert findings_in(event(found, trust)) == ()
    assert investigated(event(["no mapping"])) == {}


def test_a_folders_name_is_no_word_of_the_event_and_no_fact() -> None:
    policy = Policy.load(None)
    named = {
        "disk": {
            "biggest": [{"path": "/srv/database corrupt", "bytes": 5}],
            "status": "exited",
            "x": {"status": "exited"},
        }
    }
    plain = event({})
    assert policy.allows(event(named)) == policy.allows(plain)
    assert facts_for(event(named)) == facts_for(plain)
    assert policy.allows(event(named, Trust.FOREIGN)) != policy.allows(plain), "a stranger hides no words there"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        *((0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KiB"), (10 * 1024, "10 KiB"), (1010 * 2**20, "1.0 GiB")),
        *((int(3.94 * GIB), "3.9 GiB"), (14 * 2**40, "14 TiB"), (10**21, "888178 PiB"), (-5, "0 bytes")),
    ],
)
def test_bytes_as_people_read_them(count: int, words: str) -> None:
    assert size_in_words(count) == words
