"""For each shipped remedy an event that it is for, as a node agent would send it, and a proposal of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from action_rig import a_proposal

from mesh_core.actions.register import SHIPPED as REGISTER
from mesh_core.actions.remedies import action
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Proposal

REMEDIES = REGISTER.remedies
SHIPPED = Path(action.__file__).parent / "shipped"
GIB = 1024**3
DISK = {"mount": "/var", "used_percent": 97.2, "limit_percent": 90}


def full_disk(**rooms: dict[str, Any]) -> dict[str, Any]:
    found = {name: {"mount": "/var", **facts} for name, facts in rooms.items()}
    return {"type": "disk_space_low", "payload": {**DISK, "investigation": found}}


def expiring(**found: object) -> dict[str, Any]:
    shows = {"unit": "nginx.service", "can_reload": True, "host": "shop.example", "address": "127.0.0.1", "port": 443}
    payload = {"left_seconds": 5 * 86400, "warn_seconds": 14 * 86400, "certificate": "shop.example (3aad3dff)"}
    return {
        "type": "certificate_expiring",
        "payload": {**payload, "investigation": {"certificate": {**shows, **found}}},
    }


EVENTS: dict[str, dict[str, Any]] = {
    "journal_vacuum": full_disk(journal={"bytes": 3 * GIB + GIB // 2}),
    "package_cache_clean": full_disk(packages={"cache_bytes": GIB, "manager": "dnf"}),
    "docker_reclaim_space": full_disk(docker={"dangling_bytes": 0, "build_cache_bytes": 12 * GIB}),
    "container_log_empty": full_disk(docker={"logs": [{"container": "web-1", "bytes": 5 * GIB}]}),
    "logs_rotate": full_disk(logs={"bytes": 2 * GIB, "rule": "rsyslog"}),
    "certificate_renew": expiring(manager="certbot", lineage="shop.example", newer_on_disk=False),
    "certificate_reload": expiring(newer_on_disk=True),
    "config_reload": {
        "type": "http_probe_failed",
        "service": "nginx.service",
        "payload": {
            **{"runtime": "systemd", "active_state": "active", "error": "it answered 404"},
            "investigation": {"config": {"program": "nginx", "file": "/etc/nginx/a", "behind_seconds": 7300}},
        },
    },
    "tmp_clean": full_disk(tmp={"old_bytes": 2 * GIB}),
    "mount_again": {
        "type": "mount_missing",
        "service": "srv-data.mount",
        "payload": {
            **{"runtime": "systemd", "unit": "srv-data.mount", "active_state": "inactive", "mount": "/srv/data"},
            "investigation": {
                "mount": {"point": "/srv/data", "declared_in": "fstab", "source": "nas:/data", "source_there": True}
            },
        },
    },
    "node_reboot": {
        "type": "load_high",
        "payload": {
            "investigation": {
                "hung": {"processes": 6, "programs": "6 rsync", "failed_units": 1, "carries_mesh": False}
            },
        },
    },
    "time_sync": {
        "type": "clock_not_synchronised",
        "payload": {"time_service": "chrony.service", "is_synchronised": False, "offset_ms": 4200},
    },
    "dns_cache_flush": {
        "type": "http_probe_failed",
        "service": "shop",
        "payload": {
            **{"error": "http://shop.lan: Name or service not known", "name_resolves": False},
            "investigation": {
                "network": {"name_resolves": False, "host": "shop.lan", "name_cache": "systemd-resolved"}
            },
        },
    },
    "unit_start": {
        "type": "unit_failed",
        "service": "backup.timer",
        "payload": {"runtime": "systemd", "active_state": "failed", "investigation": {"unit": {"enabled": True}}},
    },
    "memory_hog_restart": {
        "type": "memory_low",
        "payload": {
            "used_percent": 96.1,
            "investigation": {
                "memory": {
                    "holders": [
                        {
                            **{"unit_or_container": "shop-web-1", "kind": "container", "container": "shop-web-1"},
                            **{"image": "shop:1", "alone": True, "program": "node"},
                            **{"pss_bytes": 6 * GIB, "percent": 75},
                        }
                    ]
                }
            },
        },
    },
    "container_limit_raise": {
        "type": "container_oom",
        "service": "web",
        "payload": {
            **{"runtime": "docker", "container": "web", "oom_killed": True},
            "investigation": {"memory": {"limit_bytes": GIB, "available_bytes": 6 * GIB}},
        },
    },
}


def event_for(name: str, **more: Any) -> HealthEvent:
    said = {"id": "n1/1-0", "node": "n1", "severity": "error", "trust": Trust.NODE} | EVENTS[name] | more
    return HealthEvent.model_validate(said)


def proposal_for(name: str, **more: Any) -> Proposal:
    event = event_for(name, **more)
    return a_proposal(name, event.service).model_copy(update={"event": event, "action": name})
