"""What the engine says of a service's containers, read as one state: the worst of them counts. Pure; asks no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.owner_labels import restart_forbidden
from mesh_core.models.proposals import Proposal


def read_look(proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
    """What the look playbook answered: one container by its name, or each of a compose service."""
    if result.get("skipped"):  # none was found to look at
        return read_containers([])
    parts = result["results"] if isinstance(result.get("results"), list) else [result]
    if not all("exists" in part for part in parts):  # the runner drops a result of more than 700,000 characters
        return TargetState.seen(TargetStatus.UNKNOWN, "could not look: the answer was too long")
    return read_containers([part["container"] for part in parts if part["exists"]])


def read_containers(inspected: list[dict[str, Any]]) -> TargetState:
    """From what the engine says of each container of the service; the worst one counts.

    `beside` marks those that only live in the network of another of these.
    """
    if not inspected:
        return TargetState.seen(TargetStatus.UNHEALTHY, "there is no such container", exists=False)
    each = [facts_of(container) for container in inspected]
    ids = {facts["id"] for facts in each}
    for facts, container in zip(each, inspected, strict=True):
        facts["beside"] = _network_of(container) in ids - {facts["id"], ""}
    healths = [_health(facts) for facts in each]
    worst = next((h for h in (TargetStatus.UNHEALTHY, TargetStatus.UNKNOWN) if h in healths), TargetStatus.HEALTHY)
    return TargetState.seen(
        worst,
        "; ".join(f"{facts['name']} {_in_words(facts)}" for facts in each),
        exists=True,
        restarts=sum(facts["restart_count"] for facts in each),
        incarnation=" ".join(sorted(f"{facts['id']}@{facts['started_at']}" for facts in each)),
        start_period_seconds=max(facts["start_period_seconds"] for facts in each),
        checked=all(facts["health"] is not None for facts in each),
        containers=each,
    )


def facts_of(container: dict[str, Any]) -> dict[str, Any]:
    """Of one, out of the engine's long form of it, or a part of that."""
    state, config = container.get("State") or {}, container.get("Config") or {}
    check = config.get("Healthcheck") or {}
    health = (state.get("Health") or {}).get("Status")
    probes = int(check.get("Retries") or 3) + 1
    labels = config.get("Labels") or {}
    return {
        "id": str(container.get("Id") or "")[:12],
        "name": str(container.get("Name") or "").lstrip("/"),
        "image": str(config.get("Image") or ""),
        "image_id": str(container.get("Image") or "").removeprefix("sha256:"),
        "ports": _published(container),
        "compose": {part: str(labels.get(f"com.docker.compose.{part}") or "") for part in ("project", "service")},
        "restart_forbidden": restart_forbidden(labels),
        "status": str(state.get("Status") or "unknown"),
        "exit_code": int(state.get("ExitCode") or 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "restart_count": int(container.get("RestartCount") or 0),
        "started_at": str(state.get("StartedAt") or ""),
        "health": health if health not in (None, "", "none") else None,
        # How long it may take until the engine itself knows: its start period, then a full round of probes.
        "start_period_seconds": 0.0
        if health in (None, "", "none")
        else (int(check.get("StartPeriod") or 0) + probes * int(check.get("Interval") or 30_000_000_000)) / 1e9,
    }


def _network_of(container: dict[str, Any]) -> str:
    """The id of the container in whose network it lives, as short as ids are here; '' for none."""
    mode = str((container.get("HostConfig") or {}).get("NetworkMode") or "")
    return mode.removeprefix("container:")[:12] if mode.startswith("container:") else ""


def _published(container: dict[str, Any]) -> list[int]:
    """The ports of its host on which it answers, whether it runs or not."""
    bindings = (container.get("HostConfig") or {}).get("PortBindings") or {}
    said = [str((one or {}).get("HostPort") or "") for each in bindings.values() for one in each or ()]
    return sorted({int(port) for port in said if port.isdecimal()})


def _health(facts: dict[str, Any]) -> TargetStatus:
    if facts["status"] == "created":
        return TargetStatus.UNKNOWN
    if facts["status"] != "running" or facts["health"] == "unhealthy":
        return TargetStatus.UNHEALTHY
    return TargetStatus.UNKNOWN if facts["health"] == "starting" else TargetStatus.HEALTHY


def _in_words(facts: dict[str, Any]) -> str:
    words = facts["status"]
    if facts["status"] == "exited":
        words += f" ({facts['exit_code']}{', out of memory' if facts['oom_killed'] else ''})"
    if facts["health"]:
        words += f", health {facts['health']}"
    return f"{words}, restarted {facts['restart_count']} times by itself" if facts["restart_count"] else str(words)
