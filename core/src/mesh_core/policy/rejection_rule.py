"""A rejection that is to last: the rule that it becomes in config/policy.yml, as a change that a person sees first.

The text of the file stays as it is but for the new rule, which comes before all others; where that cannot be done
surely, nothing is. The rule takes away and adds nothing: what was to be done is told to a person from then on, and what
was only told is told no more.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.incidents.alert_name import alert_name_for
from mesh_core.incidents.event_types import EventType
from mesh_core.models.config_document import MAX_CONFIG_BYTES, ConfigDocument
from mesh_core.models.proposals import Proposal
from mesh_core.models.records import sha256_of
from mesh_core.models.saved_text import SavedText, saved_text
from mesh_core.models.yaml_loader import SafeLoader
from mesh_core.policy.event_facts.facts import REASONS_FOR_SILENCE
from mesh_core.policy.policy_file import BadPolicy, PolicyRule, When, read_policy, rule_lines
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import read_regular, shared_mode, write_whole

MAX_NAME, MAX_REASON = 64, 300
LOCK_NAME = ".policy.lock"
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_PATTERN = re.compile(r"[*?\[]")  # an alert of such a name would be a pattern


class NoRule(ValueError):
    """No rule can be made or written; the sentence says why, and what to do instead."""


@dataclass(frozen=True)
class RuleChange:
    """A new rule at the head of a policy file: its text before and after."""

    file: Path
    rule: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """As `diff -u` tells it."""
        name = f"{self.file.parent.name}/{self.file.name}"
        lines = unified_diff(self.before.splitlines(), self.after.splitlines(), name, name, lineterm="", n=2)
        return "\n".join(lines)

    @property
    def digest(self) -> str:
        """Of all that it changes: whoever says yes to it has seen just this."""
        return sha256_of(f"{self.before}\0{self.after}")[:16]


def rule_change(runtime: Path, rejected: Proposal, reason: str, by: str, day: date) -> RuleChange:
    """The rule against what `rejected` proposes, for its place and its kind of trouble. Raises NoRule."""
    file = runtime / "config" / "policy.yml"
    before = _saved(file).text
    try:
        taken = rule_lines(ConfigDocument(before, str(file), BadPolicy))
    except BadPolicy as error:
        raise NoRule(f"{error}; correct it first") from None
    rule = rule_against(rejected, reason, by, day, taken)
    return RuleChange(file, rule.name, before, with_rule(before, rule, str(file)))


def rule_against(rejected: Proposal, reason: str, by: str, day: date, taken: Any = ()) -> PolicyRule:
    """`taken`: names that rules have already. Raises NoRule for what no rule proposed."""
    event = rejected.event
    if rejected.undoes or rejected.preview_of or event.type == EventType.PLAYBOOK_REQUESTED:
        raise NoRule("a person asked for this, no rule did: there is nothing to be changed; reject it without --always")
    alert = alert_name_for(event)
    quiet = rejected.action == NOTIFY.word  # whoever does not want to be told wants nothing
    word = IGNORE.word if quiet else NOTIFY.word
    said = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    return PolicyRule(
        name=_free_name(f"rejected-{rejected.service or rejected.node}-{event.type}", taken),
        when=When(
            types=(event.type,),
            alerts=(alert,) if alert and len(alert) <= MAX_REASON and not _PATTERN.search(alert) else (),
            services=(rejected.service,) if rejected.service else (),
            nodes=(rejected.node,),
            none=tuple(sorted(REASONS_FOR_SILENCE)),
        ),
        allow=(word,),
        prefer=word,
        reason=f"{by} rejected {rejected.action} here on {day}: {said}"[:MAX_REASON],
    )


def with_rule(text: str, rule: PolicyRule, source: str) -> str:
    """`text` with the rule before all of its own. Raises NoRule where the text is none that it can be put into."""
    new = _inserted(text, rule)
    try:
        old, read = read_policy(text, source), read_policy(new, source)
    except BadPolicy as error:
        raise NoRule(f"{error}; correct it first") from None
    if read != old.model_copy(update={"rules": (rule, *old.rules)}):
        put = f"put this at the head of its rules:\n{_block(rule, 2)}"
        raise NoRule(f"{source} is written in a way that takes no rule by itself; {put}")
    return new


def write_rule(change: RuleChange) -> None:
    """Whole or not at all. Raises NoRule where the file was changed since it was looked at, and OSError."""
    change.file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    lock = FileLock(change.file.parent / LOCK_NAME, mode=0o660)
    lock.take(wait=True)
    try:
        found = _saved(change.file)
        if found.text != change.before:
            raise NoRule(f"{change.file} was changed since you looked; look again")
        there = change.file if change.file.exists() else change.file.parent
        status = there.stat()
        mode = status.st_mode & 0o777 if there is change.file else shared_mode(there)
        write_whole(change.file, found.written(change.after), mode=mode, exact=True, group=status.st_gid)
    finally:
        lock.release()


def with_rule_named(reason: str, rule: str) -> str:
    """The reason of a rejection that lasts: whoever reads it finds the rule."""
    return f"{reason} (from now on: the rule {rule} of config/policy.yml)"


def _saved(file: Path) -> SavedText:
    if not file.exists():
        return SavedText("")
    raw = read_regular(file, MAX_CONFIG_BYTES)
    try:
        return saved_text(raw) if raw is not None else _unreadable(file)
    except UnicodeDecodeError:
        return _unreadable(file)


def _unreadable(file: Path) -> SavedText:
    raise NoRule(f"{file} cannot be read as text: it must be a regular file of at most 1 MiB, in UTF-8 or UTF-16")


def _free_name(wished: str, taken: Any) -> str:
    plain = re.sub(r"[^a-z0-9_-]+", "-", wished.lower())[:MAX_NAME]
    more = (f"{plain[: MAX_NAME - 3]}-{number}" for number in range(2, 100))
    return next(name for name in (plain, *more) if name not in taken)


def _inserted(text: str, rule: PolicyRule) -> str:
    try:
        root = yaml.compose(text, Loader=SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)  # as YAML counts them, whichever ends they have
    if text and not text.endswith(("\n", "\r")):
        lines[-1] += end
    found = [pair for pair in root.value if pair[0].value == "rules"] if isinstance(root, yaml.MappingNode) else []
    if not found:
        return "".join([*lines, f"rules:{end}", *(line + end for line in _block(rule, 2).split("\n"))])
    key, value = found[0]
    if isinstance(value, yaml.SequenceNode) and value.flow_style:
        row, column = value.start_mark.line, value.start_mark.column + 1
        rest = lines[row][column:]
        lines[row] = lines[row][:column] + json.dumps(_said(rule)) + (", " if value.value else "") + rest
        return "".join(lines)
    indent = value.start_mark.column if isinstance(value, yaml.SequenceNode) and value.value else 2
    at = key.start_mark.line + 1
    return "".join([*lines[:at], *(line + end for line in _block(rule, indent).split("\n")), *lines[at:]])


def _block(rule: PolicyRule, indent: int) -> str:
    """One key a line. JSON is YAML, so nothing in it can mean more than it says."""
    said = _said(rule)
    when = ", ".join(f"{key}: {_listed(words)}" for key, words in said["when"].items())
    lines = [
        f"- name: {said['name']}",
        f"  when: {{{when}}}",
        f"  allow: {_listed(said['allow'])}",
        f"  prefer: {said['prefer']}",
        f"  reason: {json.dumps(said['reason'], ensure_ascii=False)}",
    ]
    return "\n".join(" " * indent + line for line in lines)


def _listed(words: list[str]) -> str:
    """Without quotation marks where YAML reads the word as itself."""
    plain = (word if _BARE.fullmatch(word) and yaml.safe_load(word) == word else json.dumps(word) for word in words)
    return f"[{', '.join(plain)}]"


def _said(rule: PolicyRule) -> dict[str, Any]:
    said: dict[str, Any] = rule.model_dump(mode="json", exclude_defaults=True)
    return said
