"""How much one Redis may hold and take at once: the options of every server that the product starts. Pure.

The embedded server reads them from its configuration; docker-compose.yml repeats them and a test keeps it equal
(docs/decisions/0109). Sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

MIB = 1024 * 1024
# Three eighths of the container: a rewrite of the log may copy every page that changes meanwhile; then fragments.
CONTAINER_BYTES = 512 * MIB
MOST_BYTES = 192 * MIB
LONGEST_WORD_BYTES = 1 * MIB  # the least that Redis accepts; an event has 64 KiB

# Option -> its words. All of them are known to Redis 7.0 and Valkey.
LIMITS: Mapping[str, tuple[str, ...]] = {
    "maxmemory": (f"{MOST_BYTES // MIB}mb",),
    "maxmemory-policy": ("noeviction",),  # refuse a write, never forget an event
    # All connections together. One command of many words counts as well: 45 words of 1 MB are cut off on the way.
    "maxmemory-clients": ("32mb",),
    "proto-max-bulk-len": (f"{LONGEST_WORD_BYTES // MIB}mb",),
    "client-query-buffer-limit": ("2mb",),
    # Who asks for more than it reads, or listens slower than others speak, is cut off and comes back.
    "client-output-buffer-limit": (
        *("normal", "16mb", "8mb", "30"),
        *("replica", "64mb", "32mb", "60"),
        *("pubsub", "8mb", "4mb", "30"),
    ),
}


def limit_lines() -> list[str]:
    """The options as lines of redis.conf."""
    return [f"{option} {' '.join(words)}" for option, words in LIMITS.items()]


def limit_words() -> list[str]:
    """The options as words of a command line."""
    return [word for option, words in LIMITS.items() for word in (f"--{option}", *words)]
