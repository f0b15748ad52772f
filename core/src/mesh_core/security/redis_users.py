"""Who may do what in Redis: one table of users, written out as the file that `aclfile` reads. Pure; holds no password.

A service may name only the commands, keys and channels that its own code uses. Publishing and subscribing stand in
selectors of their own, because `&channel` alone permits both. Inside a script every command is checked again with the
caller's rights, so EVALSHA on a key permits nothing by itself (docs/decisions/0080).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

ADMIN, OPERATOR, PING = "admin", "operator", "ping"
NODE_PREFIX = "node-"

# Everybody: say hello, name the connection. `client|setinfo` is not named: Debian's 7.0.15 does not know it.
_HELLO = ("+ping", "+echo", "+hello", "+auth", "+select", "+client|setname", "+client|id", "+reset", "+quit")

# On any key, because a script's own commands are checked one by one anyway, and some scripts name an empty key.
_SCRIPT = "+evalsha +script|load +script|exists ~*"
_RECORDS = (
    "%R~mesh:actions %R~mesh:moves %R~mesh:world %R~mesh:decisions %R~mesh:llm_attempts %R~mesh:dead_letters "
    "%R~mesh:request_updates"
)
_READ = "+xrange +xrevrange +xlen +xread +xinfo|stream +xinfo|groups +xinfo|consumers"
_CHANNELS = "&health_events &world_updates &llm_router_metrics &action_updates &executor_output &request_updates"
# WAITAOF, which Redis 7.0 does not know and would not start with: all others of these need a key, and none is given.
_WAIT = "+@blocking"
_HEARD = "+zrangebyscore +zremrangebyscore +zadd +pexpire ~mesh:heard:*"  # hand-published messages: one listener adopts
# What a person asks for: one entry of a request, one of each reply to it.
_ASKING = "+set ~mesh:once:request:* ~mesh:once:reply:*"
_ASKED = "+exists +xadd +xinfo|stream ~mesh:requests"
_HAND_MOVES = " ".join(
    f"~mesh:once:*:{source}:{target}"
    for source in ("pending", "approved", "rejected")
    for target in ("pending", "approved", "rejected")
    if source != target
)


def _group_reader(more: str = "") -> tuple[str, ...]:
    """What a consumer group over all event streams takes: reads, acknowledges, takes over; cannot write an event.

    `more` keys are read by the same command, and one selector must permit all of a command's keys.
    """
    return (
        f"+xgroup|create +xreadgroup +xack +xclaim +xautoclaim +xpending +xinfo|groups ~mesh:ev:*{more}",
        f"{_READ} %R~mesh:ev:* %R~mesh:none:*",
    )


# Each string is one selector: these commands, on these keys, to these channels, together.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "planner": (
        "+scan +time +info +config|get",
        *_group_reader(" ~mesh:requests"),
        _SCRIPT,
        _ASKING,
        _ASKED,
        "+xtrim ~mesh:requests",
        "+xadd ~mesh:syntax_questions",
        "+get %R~mesh:syntax:*",
        "+set ~mesh:once:told:req-*",
        "+get +set +del +pttl +pexpire ~cooldown:*",
        "+hget +hset +hsetnx +hincrby +expire ~proposal:*",
        "+get +set ~mesh:well:*",
        "+getrange %R~mesh:alive:*",  # what a node's own agent sees of a service that somebody else speaks of
        "+sadd +smembers +srem +expire ~mesh:silenced:*",
        "+get +set +del ~mesh:incident:*",
        "+hincrby +hmget ~mesh:occurrences",
        "+hset +hvals +hdel +expire ~mesh:causes:*",
        "+hset +hget +hvals +hdel +hlen +hexists +ttl +expire ~mesh:storm:*",
        "+hset +hgetall +expire ~mesh:explained:*",
        "+mget +incrby +expire ~mesh:budget:*",
        "+hset +hget +hdel +expire ~mesh:held",
        "+zadd +zrange +zrevrange +zcount +zremrangebyrank +expire ~mesh:restarts:* ~mesh:history:*",
        "+set +get ~mesh:once:dead:* ~mesh:once:plan-*:pending:withdrawn",
        _HEARD,
        "+exists +incr ~mesh:ev:seq",
        "+exists +xadd +xinfo|stream ~mesh:ev:_foreign",
        "+xadd ~mesh:actions ~mesh:decisions ~mesh:llm_attempts ~mesh:dead_letters ~mesh:request_updates",
        "+publish &action_updates &llm_router_metrics &request_updates",
        "+subscribe +unsubscribe &health_events &requests",
    ),
    "executor": (
        "+time +info",
        _WAIT,
        f"{_READ} %R~mesh:ev:* %R~mesh:syntax_questions",
        "+set %W~mesh:syntax:*",
        _SCRIPT,
        "+set +get ~mesh:once:plan-* ~mesh:once:*:quarantine:*",  # a quarantined file may have any name
        "+set ~mesh:once:persisted:executor",  # a write to wait for
        "+hget +hsetnx ~proposal:*",  # what its planner has not said yet is said before
        "+exists +incr ~mesh:ev:seq",
        "+exists +xadd +xinfo|stream ~mesh:ev:_mesh",
        "+xadd ~mesh:actions",
        "+publish &action_updates &health_events &executor_output",
    ),
    "observer": (
        "+scan +time +info",
        *_group_reader(" ~mesh:decisions ~mesh:llm_attempts ~mesh:actions ~mesh:moves ~mesh:request_updates"),
        f"{_READ} {_RECORDS}",
        _SCRIPT,
        "+set +get ~mesh:once:dead:* ~mesh:once:world:* ~mesh:once:offline:* ~mesh:once:online:* "
        f"~mesh:once:overflow:* {_HAND_MOVES}",
        _HEARD,
        _ASKING,
        _ASKED,
        "+exists +incr ~mesh:ev:seq",
        "+exists +xadd +xinfo|stream ~mesh:ev:_foreign ~mesh:ev:_observer",
        "+xadd ~mesh:world ~mesh:moves ~mesh:dead_letters",
        # Trimming what every reader has acknowledged is the observer's duty for all streams.
        "+xtrim +memory|usage ~mesh:ev:* ~mesh:decisions ~mesh:world ~mesh:llm_attempts ~mesh:actions ~mesh:moves "
        "~mesh:dead_letters ~mesh:request_updates",
        "+xdel ~mesh:ev:*",  # an entry that is larger than any event: its beginning lies in the dead letters
        "+get +getrange +pttl +exists %R~mesh:alive:*",
        "+get +set ~mesh:audit:head",
        "+get +set +del ~mesh:once:hook*",  # which alerts of a webhook are open, which signatures were seen
        "+hget +hmget +hgetall +hvals %R~mesh:occurrences %R~mesh:explained:* %R~mesh:held %R~proposal:*",
        "+publish &world_updates &action_updates &health_events &requests",
        f"+subscribe +unsubscribe {_CHANNELS}",
    ),
}

# A person with `mend` or redis-cli: looks at everything, speaks as a stranger (`_foreign`), answers dead letters.
_OPERATOR = (
    "+scan +time +info +config|get +dbsize +type +ttl +pttl +exists ~*",
    f"{_READ} +xpending +hget +hmget +hgetall +hvals +get +zrange +zrevrange +zcount %R~*",
    _SCRIPT,
    "+exists +incr ~mesh:ev:seq",
    "+exists +xadd +xinfo|stream ~mesh:ev:_foreign",
    _ASKING,
    _ASKED,
    "+publish &health_events &requests",
    f"+subscribe +unsubscribe {_CHANNELS}",
)


def node_rules(name: str) -> tuple[str, ...]:
    """One node's agent: its key is its identity, so it writes its own stream and no other."""
    return (
        f"+xadd %W~mesh:ev:{name}",
        f"+xrange +xinfo|stream %R~mesh:ev:{name}",
        f"+set %W~mesh:alive:{name}",
        "+publish &health_events",
    )


def acl_text(passwords: Mapping[str, str], nodes: Iterable[str]) -> str:
    """The whole users.acl. `passwords`: user -> password, for admin, operator, each service and each `node-<name>`.

    Only digests of the passwords are in it. The default user is off; `ping` may ask whether the server lives.
    """
    lines = [
        "user default off resetkeys resetchannels -@all",
        f"user {PING} on nopass resetkeys resetchannels -@all +ping",
        f"user {ADMIN} on {_digest(passwords[ADMIN])} ~* &* +@all",
        _line(OPERATOR, passwords[OPERATOR], _OPERATOR),
        *(_line(name, passwords[name], rules) for name, rules in SERVICES.items()),
        *(_line(f"{NODE_PREFIX}{node}", passwords[f"{NODE_PREFIX}{node}"], node_rules(node)) for node in sorted(nodes)),
    ]
    return "\n".join(lines) + "\n"


def _line(user: str, password: str, selectors: Iterable[str]) -> str:
    rules = " ".join(f"({rule})" for rule in selectors)
    return f"user {user} on {_digest(password)} resetkeys resetchannels -@all {' '.join(_HELLO)} {rules}"


def _digest(password: str) -> str:
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
