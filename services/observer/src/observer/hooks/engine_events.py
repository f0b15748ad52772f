"""What engines and managers tell of their things: which one, and what was done to it. Pure.

`{"Type": "container", "Action": "die", "Actor": {"Attributes": {"name": "wiki", "image": "wiki:3"}}}` as Docker has it,
`{"object": {"kind": "unit", "name": "wiki.service"}}` as others do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.runbooks.folding import words_of
from observer.hooks.body_texts import parts_of
from observer.hooks.field_names import ACTED_ON, IMAGE, KINDS_OF_THINGS, MANAGED, OF_A_CONTAINER, OF_A_PROJECT
from observer.hooks.plain_words import plain_words
from observer.hooks.service_in_names import PROGRAM

_IMAGE = re.compile(r"[a-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?<!\.jpg)(?<!\.png)(?:@sha256:[0-9a-f]+)?")
_SLASHED = re.compile(rf"\b[Cc]ontainer /({PROGRAM.pattern})(?=:|$)")
# As the engine answers; what it calls by an id has no name there.
_NOT_THERE = re.compile(rf"(?:Error response from daemon: )?No such container: (?![0-9a-f]{{12}})({PROGRAM.pattern})")
_MOST_CHARS = 120


def declared_thing(body: Mapping[str, Any]) -> dict[str, str]:
    """Its label and name, of the first part that says of itself that it is a container or a unit."""
    for part in list(parts_of(body))[1:]:
        told = {bare_key(key): text for key, text in part.items() if isinstance(text, str)}
        kinds = (told.get(key, "").lower() for key in KINDS_OF_THINGS)
        label = next((MANAGED[kind] for kind in kinds if kind in MANAGED), "")
        if label and PROGRAM.fullmatch(told.get("name", "")):
            return {label: told["name"]}
    return _of_its_engine(body)


def _of_its_engine(body: Mapping[str, Any]) -> dict[str, str]:
    """`docker: {name: web, state: exited}`: the part is called after what runs it, and says how that stands."""
    for key, part in list(body.items())[:100]:
        label = next((MANAGED[word] for word in words_of(str(key)[:_MOST_CHARS]) if word in MANAGED), "")
        told = {bare_key(inner): value for inner, value in part.items()} if isinstance(part, Mapping) else {}
        name = told.get("name")
        if label and isinstance(name, str) and PROGRAM.fullmatch(name) and not told.keys().isdisjoint(OF_A_CONTAINER):
            return {label: name}
    return {}


def named_beside_images(body: Mapping[str, Any]) -> list[str]:
    parts = ({bare_key(key): value for key, value in part.items()} for part in parts_of(body))
    found = (part.get("name") for part in parts if is_image(part.get(IMAGE)))
    return [name for name in found if isinstance(name, str)]


def is_image(value: object) -> bool:
    """A picture is none."""
    return isinstance(value, str) and _IMAGE.fullmatch(value) is not None


def with_action(kind: str, action: str) -> str:
    """`container die` of a kind that only says to what something was done."""
    if not action or plain_words(kind, _MOST_CHARS) not in ACTED_ON:
        return kind
    action = action.rpartition(": ")[2]  # `health_status: unhealthy`
    says_it_all = len(re.split(r"[\s_-]+", action)) > 1  # `instance-stopped`
    return action if says_it_all else f"{kind} {action}"


def checked_thing(check: str, output: str, rule: str) -> dict[str, str]:
    """`docker web` of a check whose output begins with `web`; of a rule's name what an engine writes with its slash
    (`Docker: Container /web: stopped`)."""
    if shown := _SLASHED.search(rule[:_MOST_CHARS]):
        return {"container": shown[1]}
    manager, _, name = check.partition(" ")
    label = MANAGED.get(manager.lower(), "")
    is_it = label and PROGRAM.fullmatch(name) and re.match(rf"(?:[A-Z]+: )?{re.escape(name)}(?![\w.-])", output)
    return {label: name} if is_it else {}


def missing_container(body: Mapping[str, Any]) -> str:
    """The only one that whoever compares what is declared with what is there does not find: `missing: ["web"]` of a
    project, or one with an image. '' for none, or several."""
    own = {bare_key(key): value for key, value in body.items()}
    said = (_NOT_THERE.match(text) for text in own.values() if isinstance(text, str))
    if told := next(filter(None, said), None):
        return told[1]
    missing = own.get("missing")
    one = missing[0] if isinstance(missing, list) and len(missing) == 1 else missing
    if isinstance(one, Mapping):
        named = [one.get(key) for key in ("service", "container", "name") if is_image(one.get(IMAGE))]
        one = next(filter(None, named), "")
    elif OF_A_PROJECT.isdisjoint(own):
        return ""
    return one if isinstance(one, str) and PROGRAM.fullmatch(one) else ""


def of_cloud_event(body: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(the thing, the parts of where it comes from) of a CloudEvent: `subject: web`, `source: /nas/systemd`."""
    told = {bare_key(key): text for key, text in body.items() if isinstance(text, str)}
    if "specversion" not in told:
        return "", ()
    subject = told.get("subject", "")
    return subject if PROGRAM.fullmatch(subject) else "", tuple(told.get("source", "").strip("/").split("/")[:20])
