"""Is what runs not what was declared, as its fields say it? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.compared import is_mapping, pairs_in

_SAID = frozenset({"drift", "drifted", "configdrift", "drifteditems", "driftedfields"})
_RUNS = ("live", "running", "actual", "current", "deployed")
_NETWORK = ("networkcontainerthere", "networkcontainerexists", "networkcontainerfound", "networkcontainerpresent")
# Other things have what is wanted and what is so as well: `actual_temperature`.
_MAKES_A_CONTAINER = re.compile(
    r"tags?|version|ports?|env(?:ironment)?|volumes?|mounts?|labels|networks?|command|entrypoint|user"
)

# Of these nothing else has a wish and a state. A switch has ports, and whatever runs a login and a version.
_OF_NOTHING_ELSE = re.compile(r"images?|env(?:ironment)?|mounts?|volumes?|entrypoint|devices|spec|replicas|services?")
_OF_WHAT_IS_IN_IT = re.compile(r"(?!(?:user|version|tags?)$).*")
_ANY = re.compile(".*")
_NAMES_CONTAINER = frozenset({"container", "containername", "containerid", "image", "compose", "composeproject", "pod"})
_TYPE_OF_CONTAINER = re.compile(r"(?:.*_)?(?:containers?|image|compose|stack|pod|drift|drifted)(?:_.*)?")

# As the engine says it of one that it was to start.
_NO_NETWORK = re.compile(
    r"(?:error(?: response from daemon)?: )?(?:(?:cannot join network of|joining network namespace of)[^\n]{1,120}"
    r"(?:no such container|\((?:removed|gone|deleted)\))"
    r"|(?:failed to set up container networking: |could not attach to |unable to find )?network (?:with name or id )?"
    r"[\w.-]{1,80}:? (?:declared as external, but )?(?:could not be |was |is )?(?:network )?not found"
    r"|failed to create endpoint [^\n]{1,160}(?:does not exist|no such device))"
)
_ERRORS = re.compile(r"\w{0,30}?(?:err|error|fehler|erreur|errore|erro|ошибка)(?:message)?")
_OF_ITS_ENGINE = frozenset({"docker", "podman", "engine", "container", "state", "inspect"})

# In a tag, the processor that an image is made for.
_FOR_PROCESSOR = re.compile(
    r"(?:^|[-_.:])(arm(?:32|64)?(?:v?[5-8])?(?:hf|l)?|aarch64|amd64|x86[-_]64|i?[36]86|riscv64|ppc64(?:le)?|s390x)(?=$|[-_.])"
)
_TO_BE_HAD = frozenset({"imageexists", "imageavailable", "imagefound", "tagexists", "manifestfound"})
_NOT_HAD = ("fail", "error", "denied", "not found", "unauthorized", "manifest unknown", "no such", "rate limit")


def is_not_as_declared(event: HealthEvent) -> bool:
    """`declared_ports` beside other `live_ports`, both as objects, another image than the declared one, or hashes: of
    what is a container by its manager, its keys or the event's type, or of parts that nothing else has."""
    payload = event.payload
    hashes = {value for key, value in payload.items() if key.endswith("config_hash") and isinstance(value, str)}
    if len(hashes) > 1:
        return True  # nobody else keeps such a hash
    declared, live = (_parts(payload, word) for word in ("declared", "live"))
    if declared.get("") is True and "" in live and not live[""]:
        return True  # the whole thing
    known = _parts_that_count(event)

    def counts(part: str) -> bool:
        return known.fullmatch(bare_key(part)) is not None

    if any(live[part] != value for part, value in declared.items() if part in live and counts(part)):
        return True
    parts = _of_a_container(declared)
    pairs = (*((parts, _parts(payload, word)) for word in _RUNS), *_wholes(payload))
    if any(counts(part) for pair in pairs for part in _differing(*pair)):
        return True
    if any(counts(part) and _are_unlike(wanted, runs) for part, wanted, runs in pairs_in(payload)):
        return True
    return _is_another_tag(declared.get("_image"), payload.get("image"))


def _parts_that_count(event: HealthEvent) -> re.Pattern[str]:
    """By how much the event has to do with a container: its type says so, its fields do, or nothing."""
    if _TYPE_OF_CONTAINER.fullmatch(event.type):
        return _ANY
    named = event.runtime is Runtime.DOCKER or not _NAMES_CONTAINER.isdisjoint(map(bare_key, event.payload))
    return _OF_WHAT_IS_IN_IT if named else _OF_NOTHING_ELSE


def says_drifted(payload: Mapping[str, Any]) -> bool:
    """Its sender compared it: `{"drift": ["ports"]}`. A number is how far a clock is off."""
    said = (value for key, value in payload.items() if bare_key(key) in _SAID)
    return any(value is True or (isinstance(value, list | dict) and len(value) > 0) for value in said)


def is_misdeclared(payload: Mapping[str, Any]) -> bool:
    """Is the declared image for another processor than the one that runs, or can it not be had? `{"pull": "denied"}`"""
    for key, value in payload.items():
        if bare_key(key) in _TO_BE_HAD and truth_in(value) is False:
            return True
        if key.startswith("pull") and isinstance(value, str) and value[:200].lower().startswith(_NOT_HAD):
            return True
    declared = _processor(_image_of(payload, "declared"))
    runs = next(filter(None, (_image_of(payload, word) for word in ("", *_RUNS))), "")
    return declared not in ("", _processor(runs))


def is_in_a_lost_network(payload: Mapping[str, Any]) -> bool:
    """It shares the network of a container that is not there any more: only made anew it gets one."""
    if any(_NO_NETWORK.match(error.strip().lower()[:300]) for error in _errors(payload)):
        return True
    if not str(payload.get("network_mode", "")).startswith("container:"):
        return False
    return any(bare_key(key) in _NETWORK and truth_in(value) is False for key, value in payload.items())


def _errors(payload: Mapping[str, Any]) -> Iterator[str]:
    """At the top, and in what its engine says of it."""
    parts = (value for key, value in payload.items() if bare_key(key) in _OF_ITS_ENGINE and is_mapping(value))
    for part in (payload, *parts):
        yield from (said for key, said in part.items() if isinstance(said, str) and _ERRORS.fullmatch(bare_key(key)))


def _parts(payload: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {key.removeprefix(word): value for key, value in payload.items() if key.startswith(word)}


def _of_a_container(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if _MAKES_A_CONTAINER.fullmatch(bare_key(key))}


def _image_of(payload: Mapping[str, Any], word: str) -> str:
    """`declared_image`, or `image` in `declared`; its own where `word` is empty."""
    inner = payload.get(word)
    said = payload.get(f"{word}_image".lstrip("_"), inner.get("image") if isinstance(inner, Mapping) else None)
    return said if isinstance(said, str) else ""


def _processor(image: str) -> str:
    found = _FOR_PROCESSOR.search(image.rpartition(":")[2].lower())
    return found[1] if found else ""


def _wholes(payload: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What is declared and what is so, as objects: at the top, in a part of it, or as compose calls the two. Of the
    latter only what makes a container: each has a name, an id and a state of its own."""
    for part in filter(is_mapping, _of_a_container(payload).values()):
        wanted = part.get("declared")
        lacking = dict.fromkeys(wanted) if is_mapping(wanted) else {}  # of a part all is told
        yield from ((wanted, {**lacking, **part[word]}) for word in _RUNS if is_mapping(part.get(word)))
    yield from ((payload.get("declared"), payload.get(word)) for word in _RUNS)
    compose = payload.get("compose")
    if is_mapping(compose):
        yield _of_a_container(compose), payload.get("container")


def _differing(declared: Any, runs: Any) -> Iterator[str]:
    """The parts that both have, and not alike."""
    if is_mapping(declared) and is_mapping(runs):
        both = (key for key in declared if key in runs)
        yield from (key for key in both if _in_any_order(runs[key]) != _in_any_order(declared[key]))


def _are_unlike(wanted: Any, runs: Any) -> bool:
    """Of a digest nobody sees whether it is the same."""
    known = not any(isinstance(value, str) and "sha256:" in value for value in (wanted, runs))
    return known and _in_any_order(wanted) != _in_any_order(runs)


def _in_any_order(value: Any) -> Any:
    """A list's order, and whether a number or a truth value is written as a text, make no difference."""
    if isinstance(value, list):
        return sorted(map(str, value))
    return str(value).lower() if isinstance(value, bool | int | float) else value


def _is_another_tag(declared: Any, runs: Any) -> bool:
    """Of the same image; of a digest nobody sees whether it is the same."""
    if not (isinstance(declared, str) and isinstance(runs, str)) or "@" in declared + runs:
        return False
    return declared != runs and declared.rpartition(":")[0] == runs.rpartition(":")[0] != ""
