"""Does a field say that something is at work on a thing, or that the thing is busy with what must not be broken off?
Pure; keys are folded (`facts.py`). What a state was before says nothing."""

from __future__ import annotations

import re
from typing import Any

from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.payload_fields import is_of_another_time

# As a manager calls it: somebody makes it anew, moves it on or ends it just now; a restart would come between.
_BY_ITS_MANAGER = frozenset(
    {
        *("restarting", "recreating", "updating", "upgrading", "pulling", "deploying", "migrating", "removing"),
        *("activating", "deactivating", "reloading", "auto-restart", "backoff", "starting", "stopping", "paused"),
        *("frozen", "freezing", "thawing", "suspended", "suspending", "pmsuspended", "pausing", "hibernated"),
        *("draining", "drained", "drain", "cordoned", "maint", "maintenance", "in maintenance", "under maintenance"),
    }
)
# Who holds a thing lets it go as well, and by another word than a restart.
_HELD_BY = frozenset(
    {
        *("pausedby", "suspendedby", "frozenby", "drainedby", "cordonedby"),
        *("lockedby", "lockheldby", "lockholder", "lockowner", "lsof", "fuser"),
        *("acknowledgedby", "ackedby", "ackby", "takenby", "claimedby"),
    }
)
_NOBODY = ("none", "nobody", "no ", "nothing", "free", "-", "(none", "null")
_HELD = frozenset({"frozen", "ispaused", "suspended", "draining", "drain", "cordoned", "unschedulable"})
_CLOSED = frozenset({"maintenance", "maintenancemode", "inmaintenance"})  # of the event itself it is a declared window
# As a program calls what it does: whoever ends it there loses the work, or breaks what it works on.
_BY_ITSELF = frozenset(
    {
        *("backing up", "restoring", "rebuilding", "resyncing", "resilvering", "scrubbing", "syncing", "reindexing"),
        *("indexing", "converting", "importing", "exporting", "repairing", "checking", "verifying", "compacting"),
        *("vacuuming", "replaying", "recovering", "rebalancing", "initializing", "initialising", "installing"),
        *("flashing", "printing", "recording", "transcoding", "encoding", "burning", "formatting", "decrypting"),
        *("scanning", "hashing", "healing", "backfilling", "relocating", "optimizing", "optimising", "merging"),
        *("catching up", "catchup"),
    }
)
_WORK = (
    *("backup", "restore", "snapshot", "update", "upgrade", "migration", "rebuild", "resync", "scrub", "reindex"),
    *("import", "export", "deploy", "deployment", "rollout", "composeup", "build", "recording", "transcode", "repair"),
    *("maintenancejob", "firmwareupdate", "initialsync", "replay", "compaction", "fsck", "parity", "paritycheck"),
)
_ETA = re.compile(
    r"eta(?:seconds|minutes)?|estimated(?:timeremaining|timeleft|completion)"
)  # who knows how long it takes
# Who makes things anew, and what goes on under such a name: `{"watchtower": "pulling web:2"}`, `{"backup": "at 41 %"}`.
_CHANGES = frozenset(
    {
        *_WORK,
        *("updater", "watchtower", "ota", "otaupdate", "unattendedupgrades", "ansible", "puppet", "provisioning"),
        *("installer", "recovery", "rebalance", "resharding", "databasemigration", "upgrader", "rolling", "pull"),
    }
)
_UNDER_WAY = re.compile(
    r"\b(?:running|in progress|ongoing|underway|pulling|upgrading|updating|installing|recreating|migrating|restoring"
    r"|copying|rolling|läuft|en cours|en curso|in corso|em curso|bezig|trwa|выполняется)\b"
    r"|\bstep \d+ (?:of|/) ?\d+|\b\d{1,2}(?:[.,]\d+)? ?%"
)
_OVER = re.compile(
    r"\b(?:done|finished|completed?|failed|failure|aborted|not|no|none|never|last|ago|ended|before|was|were)\b"
)
_GOES_ON = frozenset(
    {"running", "in progress", "in_progress", "inprogress", "ongoing", "underway", "started", "active"}
)
# What a program calls the works that it has at hand, each with its own state.
_WORKS = frozenset(
    {
        *("tasks", "scheduledtasks", "backgroundtasks", "jobs", "backgroundjobs", "activities", "operations"),
        *("maintenance", "job"),
    }
)
_OF_WORK = ("running", "inprogress", "active", "ongoing", "underway")
_GOING = ("running", "in progress", "ongoing", "underway")
_STATES = ("state", "status", "phase", "stage")
_WORK_GOES_ON = re.compile(rf"\b(?:{'|'.join(_WORK)})s? (?:is )?(?:{'|'.join(_GOING)}|started)$")
# `{"relocating_shards": 3}`, `{"restores_running": 1}`.
_COUNTED = re.compile(
    r"(?:relocating|initializing|healing|rebuilding|migrating|backfilling|recovering|syncing)[a-z]*"
    rf"|(?:{'|'.join(_WORK)})s?(?:{'|'.join(_OF_WORK)})"
)
_PROGRESS = re.compile(
    r"(?![a-z]*(?:in|no)progress)[a-z]*progress(?:percent(?:age)?)?|percent(?:done|complete)|donepercent|completion"
)
# An update or a migration that somebody or something began, and how it says that it was not ended.
_NEEDS_IT = re.compile(
    r"needs(?:db|database|schema)?(?:upgrade|update|migration)|(?:db|database|schema)?(?:upgrade"
    r"|migration)(?:required|needed)"
    r"|(?:upgrade|update|migration)(?:incomplete|unfinished|interrupted|aborted|failed|halfdone)"
)
_BEGUN = re.compile(
    r"(?:db|database|schema|os|app|version|major)?(?:upgrade|update|updater|migrations?|upgrader|migrator)(?:state"
    r"|status|result)?"
)
_UNDONE = re.compile(
    r"\b(?:fail(?:ed|s)?|abort\w*|interrupt\w*|incomplete|unfinished|not finished|not completed?|half(?: done)?"
    r"|crash\w*|killed"
    r"|stopped|cancell?ed|abgebrochen|fehlgeschlagen|unvollständig|interrompu\w*|échou\w*|inachev\w*|interrumpid\w*|falló"
    r"|incomplet\w*|interrott\w*|fallit\w*|mislukt|afgebroken"
    r"|przerwan\w*|прерван\w*|не завершен\w*)(?!\w)|中断|失败|未完成"
)
_REASONS = frozenset({"stoppedfor", "stopreason", "stoppedreason", "pausedfor", "pausereason", "reason"})


def is_being_changed(path: tuple[str, ...], value: Any, word: str, *, of_a_state: bool) -> bool:
    """Who is at work on it starts it again. `of_a_state`: the key is one for the state of a thing."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if is_of_another_time(path):
        return False
    if (of_a_state and word in _BY_ITS_MANAGER) or (key in _REASONS and word in _WORK):
        return True
    held = _HELD | _CLOSED if len(path) > 1 else _HELD
    if (key in _HELD_BY and word and not word.startswith(_NOBODY)) or (key in held and truth_in(value) is True):
        return True
    if key in _CHANGES and says_under_way(value):
        return True
    if word in _GOES_ON and (key in _WORK or (parent in _WORK and of_a_state)):
        return True
    return key.endswith(_OF_WORK) and key.startswith(_WORK) and truth_in(value) is True


def is_busy(path: tuple[str, ...], value: Any, word: str) -> bool:
    """With work of its own, which a restart would break off."""
    if is_of_another_time(path):
        return False
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    said = word.replace("_", " ").replace("-", " ")
    if said in _BY_ITSELF or (key.endswith(_STATES) and _WORK_GOES_ON.search(said)):
        return True
    if parent in _WORKS and said.startswith(_GOING):
        return True
    if _ETA.fullmatch(key) and value and truth_in(value) is not False:
        return True
    if _COUNTED.fullmatch(key) and (whole_in(value) or 0) > 0:
        return True
    return _PROGRESS.fullmatch(key) is not None and _is_under_way(value)


def is_left_undone(path: tuple[str, ...], value: Any, word: str) -> bool:
    """`{"needsDbUpgrade": true}`, `{"upgrade": "failed at step 7"}`, `{"migration": {"status": "aborted"}}`."""
    if is_of_another_time(path):
        return False
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if _NEEDS_IT.fullmatch(key):
        return truth_in(value) is True
    of_one = _BEGUN.fullmatch(key) or (_BEGUN.fullmatch(parent) and key in ("state", "status", "result"))
    return bool(of_one) and _UNDONE.search(word) is not None and not says_under_way(value)


def says_under_way(value: Any) -> bool:
    """`step 7 of 12`, `web configured, dpkg still running`; not `last ran at 03:00`. Clause by clause."""
    said = re.split(r"[,;] ", value[:200].lower()) if isinstance(value, str) else ()
    return any(_UNDER_WAY.search(clause) and not _OVER.search(clause) for clause in said)


def _is_under_way(progress: Any) -> bool:
    """`43`, `0.43`, `43 %`: begun, and not done."""
    text = "" if isinstance(progress, bool) else str(progress)[:12].strip().removesuffix("%").strip()
    try:
        return 0 < float(text) < 100 and float(text) != 1
    except ValueError:
        return False
