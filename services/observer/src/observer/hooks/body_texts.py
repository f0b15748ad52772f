"""Every text of a body of any shape with its key, and its alerts as if nothing were wrapped around them. Pure; bounded.

An object's own `name` stands for the object (`{"host": {"name": "nas"}}`), a list of names and values for an object,
and JSON in a text for itself. What lies nearer to the top comes first.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, takewhile
from typing import Any

from mesh_core.models.events import Severity
from mesh_core.models.owner_labels import bare_key
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.policy.event_facts.payload_fields import is_of_another_time, is_of_others
from observer.hooks.alert import MAX_WORD_CHARS
from observer.hooks.field_names import (
    CHECK_LISTS,
    DESCRIBED,
    GROUPS,
    HOSTS,
    IN_TEXTS,
    LABELS,
    LISTS,
    LOGGED_BY,
    NAMED_BY,
    OF_OTHERS,
    ONE_OF,
    PROJECTS,
    READ_OF_OTHERS,
    ROLES,
    RULES,
    SEVERITIES,
    STATES,
    TAGS,
    WRAPPERS,
)
from observer.hooks.mapping import NODE_LABELS, SERVICE_LABELS
from observer.hooks.severities import severity_in

MOST_FIELDS = 400
MOST_LEVELS = 8  # as deep as a card's facts lie in a message
_MOST_TAGS = 100
_WRAPPED_DEEP = 3  # `{"event": {"data": {"attributes": ...}}}`
_OF_WHOM = frozenset(map(bare_key, (*NODE_LABELS, *SERVICE_LABELS, LOGGED_BY, *chain(*LABELS.values())))) - {"name"}
_TAG = re.compile(r"([A-Za-z][\w.-]{0,60})[:=](?!//)(\S{1,200})")


def texts_of(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, text) of each plain value, the nearest to the top first."""
    todo = deque[tuple[str, Any, int]]([("", _without_prefix(body), 0)])
    for _ in range(MOST_FIELDS):
        if not todo:
            return
        key, value, level = todo.popleft()
        if isinstance(value, Mapping):
            if key and (name := _name_of(value, key)):
                yield key, name
            elif key and len(value) == 1 and isinstance(only := value.get("value"), str):
                yield key, only[:MAX_WORD_CHARS]
            if level < MOST_LEVELS and not _is_not_its_own(key):
                children = [(str(k)[:200], child, level + 1) for k, child in list(value.items())[:100]]
                todo.extend(child for child in children if not _is_passed_over(key, *child[:2]))
            elif level == 1:
                todo.extend(_read_of_others(key, value))
        elif isinstance(value, list):
            todo.extend(_of_a_list(key, value, level))
        elif isinstance(value, str):
            yield key, value[:MAX_WORD_CHARS]
        elif value is not None:
            yield key, str(value).lower() if isinstance(value, bool) else str(value)


def parts_of(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The body, then each object in it that tells of itself, the nearest to the top first."""
    todo = deque[tuple[Mapping[str, Any], int]]([(body, 0)])
    for _ in range(MOST_FIELDS):
        if not todo:
            return
        part, level = todo.popleft()
        yield part
        if level < MOST_LEVELS:
            inner = [(str(key), value) for key, value in list(part.items())[:100] if isinstance(value, Mapping)]
            todo.extend((value, level + 1) for key, value in inner if not _is_not_its_own(key))


def tags_of(body: Mapping[str, Any]) -> dict[str, str]:
    """`host:nas, env=home` and the same as a list, of a field for tags at the top or one below it."""
    found: dict[str, str] = {}
    for name, text in (tag.groups() for one in _tags(body) if (tag := _TAG.fullmatch(one))):
        found.setdefault(name, text)
    return found


def bare_tags_of(body: Mapping[str, Any]) -> list[str]:
    """Those that are a word alone: `nas, nightly`."""
    return [tag for tag in _tags(body) if not _TAG.fullmatch(tag)]


def _tags(body: Mapping[str, Any]) -> list[str]:
    below = (part for key, part in list(body.items())[:100] if isinstance(part, dict) and not _is_not_its_own(str(key)))
    found: list[str] = []
    for part in (body, *below):
        for key, value in list(part.items())[:100]:
            if bare_key(key) in TAGS:
                said = re.split(r"[,;\s]+", value[:MAX_WORD_CHARS]) if isinstance(value, str) else value
                listed = said[:_MOST_TAGS] if isinstance(said, list) else []
                found += [tag.strip()[:300] for tag in listed if isinstance(tag, str) and tag.strip()]
    return found[:_MOST_TAGS]


def alerts_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Each object of a list of alerts or checks, with what stands beside the list; else the body, with what its texts
    hold: of an envelope alone, for the text of an alert may be a line that a stranger wrote."""
    plain = body if _says_it_itself(body) else {key: _of_text(bare_key(key), value) for key, value in body.items()}
    top = unwrapped(plain)
    listed = next((top[key] for key in top if _is_list_of_alerts(bare_key(key), top[key])), None)
    if listed is None:
        return [plain]
    beside = {key: value for key, value in top.items() if not isinstance(value, list | dict)}
    return [{**beside, **one} for one in listed]


def _says_it_itself(body: Mapping[str, Any]) -> bool:
    """Which rule it is, how bad it is or how it stands."""
    return any(bare_key(key) in (*RULES, *SEVERITIES, *STATES) for key, value in body.items() if value)


def unwrapped(body: dict[str, Any]) -> dict[str, Any]:
    """With what lies in `data`, `attributes` ... at the top, where nothing is called so; the rest stays there."""
    found = dict(body)
    for _ in range(_WRAPPED_DEEP):
        around = [key for key, part in found.items() if bare_key(key) in WRAPPERS and isinstance(part, dict) and part]
        if not any(_unwrap(found, key) for key in around):
            break
    return found


def prefix_of(keys: Sequence[str]) -> str:
    """What they all begin with, up to an underscore; '' of fewer than two."""
    pairs = zip(min(keys, default=""), max(keys, default=""), strict=False)
    common = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return common.rpartition("_")[0] if len(keys) > 1 else ""


def _unwrap(found: dict[str, Any], key: str) -> bool:
    """Whether something lay in it that can lie at the top."""
    part = found.pop(key)
    there = set(map(bare_key, found))
    left = {inner: value for inner, value in part.items() if bare_key(inner) in there}
    found.update({inner: value for inner, value in part.items() if inner not in left and (inner != key or not left)})
    if left:
        found[key] = left | ({key: part[key]} if key in part else {})
        return len(found[key]) < len(part)
    if name := _name_of(part, key):
        found.setdefault(key, name)
    return True


def _is_list_of_alerts(key: str, value: Any) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return False
    return key in LISTS or (key in CHECK_LISTS and all(map(_tells_a_state, value)))


def _tells_a_state(one: Mapping[str, Any]) -> bool:
    return any(bare_key(key) in (*STATES, *SEVERITIES) for key in list(one)[:100])


def _of_text(key: str, value: Any) -> Any:
    if key in IN_TEXTS and isinstance(value, str) and value.lstrip().startswith("{"):
        whole = value[: value.rfind("}") + 1]  # a relay may write a line below it
        inner = parse_object(whole.encode("utf-8", "replace"), max_bytes=len(whole) * 4)
        return value if isinstance(inner, Refusal) else inner
    return value


def _without_prefix(body: Mapping[str, Any]) -> dict[str, Any]:
    """`CRM_alert_node` beside `CRM_alert_desc` is `node`: what all keys begin with is the sender's name."""
    keys = [str(key) for key in list(body)[:MOST_FIELDS]]
    prefix = prefix_of(keys) or _prefix_of_most(keys)
    length = len(prefix) + 1 if prefix else 0
    inner = ((key[length:] if prefix and key.startswith(f"{prefix}_") else key, key) for key in keys if key in body)
    return {name or key: body[key] for name, key in inner}


def _prefix_of_most(keys: Sequence[str]) -> str:
    """Of an environment that was handed over, with a few keys of its relay beside it: `NOTIFY_HOSTNAME`."""
    first = Counter(key.partition("_")[0] for key in keys if "_" in key and key.isupper())
    prefix, count = next(iter(first.most_common(1)), ("", 0))
    return prefix if count >= 4 and count * 3 >= len(keys) * 2 else ""


def _of_a_list(key: str, value: list[Any], level: int) -> Iterator[tuple[str, Any, int]]:
    pairs = [(_name_of(one), one["value"]) for one in value[:50] if isinstance(one, dict) and "value" in one]
    if pairs:
        named = [(name, said, level + 1) for name, said in pairs if name]
        yield from named or [(key, pairs[0][1], level + 1)]
    elif len({str(one.get("type")) for one in value[:50] if isinstance(one, dict) and "type" in one}) > 1:
        yield from ((key, one, level + 1) for one in value[:50])  # the unlike blocks of a card
    elif len(value) > 1 and all(isinstance(one, dict) for one in value):
        yield key, _agreed(value[:50]), level + 1
    elif value and isinstance(value[0], dict | str):
        yield (ONE_OF.get(bare_key(key), key) if len(value) == 1 else key), value[0], level + 1


def _agreed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The first, without what it says of whom it concerns where another row says otherwise."""
    first = rows[0]
    others = {key for key in first if any(row.get(key, first[key]) != first[key] for row in rows)}
    return {key: value for key, value in first.items() if key not in others or bare_key(key) not in _OF_WHOM}


def _is_passed_over(part: str, key: str, value: Any) -> bool:
    """What only the sender's program reads, what is said of all hosts of a role or a group, and where a project is
    shown."""
    of_many = bare_key(key) in ROLES or (bare_key(key) in GROUPS and bare_key(part) in HOSTS)
    is_a_link = bare_key(part) in PROJECTS and bare_key(key) == "url"
    return key.startswith(("@", "$")) or is_a_link or (of_many and isinstance(value, list | dict))


def _is_not_its_own(part: str) -> bool:
    """Of another time, of whom else it speaks of, or what a stranger sent or made a program print: he may have chosen
    the keys in there."""
    return is_of_another_time((bare_key(part),)) or bare_key(part) in OF_OTHERS or is_of_others(part, in_it=True)


def _read_of_others(part: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    read = READ_OF_OTHERS.get(bare_key(part), ())
    told = [(str(key), said, 2) for key, said in list(value.items())[:100] if bare_key(key) in read]
    # Programs call failures information.
    yield from (one for one in told if bare_key(part) != "log" or severity_in(str(one[1])) is not Severity.INFO)


def _name_of(value: Mapping[str, Any], key: str = "") -> str:
    """`key`: what the object is called in its sender's."""
    metadata = value.get("metadata")
    inner = metadata.items() if isinstance(metadata, Mapping) else ()  # as Kubernetes' objects and Sensu's have it
    texts = [*list(value.items())[:100], *((name, text) for name, text in inner if name == "name")]
    by_key: dict[str, str] = {}
    for name, text in texts:
        if isinstance(text, str) and text:
            by_key.setdefault(bare_key(name), text)
    described = ("description",) if bare_key(key) in DESCRIBED else ()
    return next((by_key[name] for name in (*NAMED_BY, *described) if name in by_key), "")
