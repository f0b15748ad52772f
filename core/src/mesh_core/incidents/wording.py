"""What is wrong, in a few words for people: the trouble, and which disk, unit or alert it is about. Pure; never a key.

The words are somebody else's: who shows them makes them harmless.
"""

from __future__ import annotations

from mesh_core.incidents.alert_name import title_of
from mesh_core.incidents.event_types import DOES_NOT_ANSWER, DOES_NOT_RUN, SERVICE_STATES, EventType
from mesh_core.incidents.subject import IN_COMMON, alert_in, found_at, thing_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.sightings import SeenState

QUOTE = '"'  # stands around a stranger's words, and so not in them
MAX_ASKED = 160  # characters of a request in a title


def about(event: HealthEvent) -> str:
    """`/srv`, `backup.timer`: '' where place and type say it all."""
    if event.service is not None and event.type in SERVICE_STATES and alert_in(event):
        return ""  # the labels of such an alert name the service once more, its image, its container
    thing = thing_of(event)
    said = {_folded(word) for word in (event.node, event.service, event.type) if word}
    if _folded(thing) in said or (event.incident or "").startswith(f"{thing}/"):  # a sender's own key tells nobody more
        return found_at(event)
    return thing


def what_is_wrong(event: HealthEvent) -> str:
    """`disk space low: /srv`, as people say it; of what another system calls otherwise `alert "High load": cpu0`."""
    if event.type == EventType.PLAYBOOK_REQUESTED:
        return _with("asked for", _asked(event))
    subject, title = about(event), title_of(event)
    if not title or event.type in SERVICE_STATES:
        return _with(event.type.replace("_", " "), subject)
    beside = subject.removeprefix(title).strip()
    return _with(f'alert "{title.replace(QUOTE, "")}"', "" if _folded(beside) == _folded(title) else beside)


def in_a_sentence(event: HealthEvent) -> str:
    """What is wrong and where, as the title of a card: `shop on web01 does not run: container died`."""
    if event.type == EventType.PLAYBOOK_REQUESTED:
        return _with(f"asked for on {event.node}", _asked(event))
    if event.type == EventType.TROUBLE_STORM and IN_COMMON in event.payload:
        nodes = event.payload.get("nodes")
        many = len(nodes) if isinstance(nodes, list) else "several"
        return f"{event.payload.get('subjects')} at once on {many} nodes: {about(event)}"
    if event.service is None:
        offline = event.type == EventType.NODE_OFFLINE
        return f"{event.node} is offline" if offline else f"{event.node}: {what_is_wrong(event)}"
    place = f"{event.service} on {event.node}"
    if event.type in DOES_NOT_RUN:
        how = "is said not to run" if event.sighting and event.sighting.state in _RUNS else "does not run"
        return f"{place} {how}: {what_is_wrong(event)}"
    if event.type in DOES_NOT_ANSWER:
        words = _NOT_ANSWERING.get(event.type, "is unhealthy")
        return f"{place} {words}" + (f": {told}" if (told := about(event)) else "")
    return f"{place}: {what_is_wrong(event)}"


# As the node's agent sees what an alert says does not run.
_RUNS = (SeenState.RUNNING, SeenState.STARTING, SeenState.UNHEALTHY)

_NOT_ANSWERING: dict[str, str] = {
    EventType.SERVICE_FLAPPING: "fails and recovers again and again",
    EventType.HTTP_PROBE_FAILED: "does not answer",
    EventType.TCP_PROBE_FAILED: "does not answer",
}


def _asked(event: HealthEvent) -> str:
    words = event.payload.get("text")
    return f'"{words[:MAX_ASKED]}"' if isinstance(words, str) else ""


def _with(words: str, subject: str) -> str:
    return f"{words}: {subject}" if subject else words


def _folded(word: str) -> str:
    """`shop` and `shop.service`, `HostDown` and `host_down` tell a person the same."""
    return "".join(c for c in word.removesuffix(".service").lower() if c.isalnum()) or word
