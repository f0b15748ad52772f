"""Who may do what in Redis: what each user must not do is refused by both servers, and the mesh runs as these users."""

from __future__ import annotations

import json

import pytest
import redis
from parts.redis_acl import AclRedis

from mesh_core.messaging.bus import Bus
from mesh_core.models.streams import OBSERVER_STREAM
from mesh_core.security.redis_users import ADMIN, OPERATOR, SERVICES
from observer.streams.erasures import Erasures

NODE = "node-web01"
EVERYBODY = (NODE, *SERVICES, OPERATOR)
# (who, the command): each of them must be refused.
FORBIDDEN = [
    # a node speaks for itself only, and hears nobody
    (NODE, "XADD mesh:ev:pi4 1-0 p {}"),
    (NODE, "XADD mesh:ev:_mesh 1-1 p {}"),
    (NODE, "XADD mesh:ev:_observer 1-1 p {}"),
    (NODE, "XADD mesh:ev:_foreign 1-1 p {}"),
    (NODE, "XADD mesh:ev:web01x 1-0 p {}"),
    (NODE, "XADD mesh:actions * p {}"),
    (NODE, "XRANGE mesh:ev:pi4 - +"),
    (NODE, "XTRIM mesh:ev:web01 MAXLEN 0"),
    (NODE, "DEL mesh:ev:web01"),
    (NODE, "SET mesh:alive:pi4 1"),
    (NODE, "SET cooldown:web01/nginx x"),
    (NODE, "GET mesh:alive:web01"),
    (NODE, "PUBLISH action_updates {}"),
    (NODE, "PUBLISH executor_output {}"),
    (NODE, "SUBSCRIBE health_events"),
    (NODE, "PSUBSCRIBE *"),
    (NODE, "EVAL return(1) 0"),
    (NODE, "SCAN 0"),
    # ... takes nothing back, reads nobody's mail, and cannot make a large thing of a small one
    (NODE, "XDEL mesh:ev:web01 1-0"),
    (NODE, "XSETID mesh:ev:web01 9-0"),
    (NODE, "XREADGROUP GROUP planner x STREAMS mesh:ev:web01 >"),
    (NODE, "XACK mesh:ev:web01 planner 1-0"),
    (NODE, "XCLAIM mesh:ev:web01 planner x 0 1-0"),
    (NODE, "XGROUP CREATE mesh:ev:web01 g 0"),
    (NODE, "XGROUP DESTROY mesh:ev:web01 planner"),
    (NODE, "SETRANGE mesh:alive:web01 500000000 x"),
    (NODE, "APPEND mesh:alive:web01 x"),
    (NODE, "RENAME mesh:ev:web01 mesh:ev:pi4"),
    (NODE, "INFO"),
    (NODE, "CONFIG GET maxmemory"),
    (NODE, "CLIENT LIST"),
    (NODE, "CLIENT KILL TYPE normal"),
    (NODE, "MEMORY USAGE mesh:ev:web01"),
    # the planner reads events and proposes; it neither makes events nor says what was run
    ("planner", "XADD mesh:ev:web01 1-0 p {}"),
    ("executor", "GETRANGE mesh:alive:web01 0 16384"),
    ("planner", "XADD mesh:ev:_mesh 1-1 p {}"),
    ("planner", "XADD mesh:world * p {}"),
    ("planner", "XTRIM mesh:ev:web01 MAXLEN 0"),
    ("planner", "XDEL mesh:ev:web01 1-0"),
    ("planner", "PUBLISH health_events {}"),
    ("planner", "PUBLISH executor_output {}"),
    ("planner", "SUBSCRIBE action_updates"),
    ("planner", "DEL mesh:actions"),
    ("planner", "SET mesh:once:plan-a-b-0123456789ab:running:done 1"),
    ("planner", "XTRIM mesh:actions MAXLEN 0"),
    ("planner", "XDEL mesh:actions 1-0"),
    ("planner", "XADD mesh:moves * p {}"),
    ("planner", "XGROUP DESTROY mesh:ev:web01 observer"),
    ("planner", "XGROUP SETID mesh:ev:web01 observer $"),
    ("planner", "XGROUP DELCONSUMER mesh:ev:web01 observer o"),
    ("planner", "XREADGROUP GROUP observer o STREAMS mesh:actions >"),
    ("planner", "XACK mesh:actions observer 1-0"),
    ("planner", "SET mesh:once:anything:pending:withdrawn 1"),
    ("planner", "SET mesh:audit:head x"),
    ("planner", "SET mesh:alive:web01 1"),
    ("planner", "SET mesh:syntax:x {}"),
    ("planner", "XREAD STREAMS mesh:syntax_questions 0-0"),
    ("executor", "XADD mesh:syntax_questions * p {}"),
    ("operator", "XADD mesh:syntax_questions * p {}"),
    ("observer", "SET mesh:syntax:x {}"),
    # the executor tells what it did; it plans nothing, and keeps nobody else from telling
    ("executor", "SET mesh:once:world:web01/1-0:web01/nginx 1"),
    ("executor", "SET mesh:once:dead:mesh:ev:web01:1-0 1"),
    ("executor", "SET mesh:once:offline:web01:2026 1"),
    ("executor", "SET mesh:once:hook:x 1"),
    ("executor", "SET mesh:once:overflow:mesh:ev:web01 1"),
    ("executor", "XTRIM mesh:actions MAXLEN 0"),
    ("executor", "XADD mesh:moves * p {}"),
    ("executor", "XADD mesh:dead_letters * p {}"),
    ("executor", "XACK mesh:ev:web01 planner 1-0"),
    ("executor", "SET mesh:audit:head x"),
    ("executor", "CONFIG GET maxmemory"),
    ("executor", "XADD mesh:ev:web01 1-0 p {}"),
    ("executor", "XADD mesh:ev:_foreign 1-1 p {}"),
    ("executor", "XADD mesh:decisions * p {}"),
    ("executor", "XREADGROUP GROUP planner x STREAMS mesh:ev:web01 >"),
    ("executor", "SET cooldown:web01/nginx x"),
    ("executor", "HSET proposal:plan-a-b-0123456789ab token x"),
    ("executor", "SUBSCRIBE health_events"),
    ("executor", "PUBLISH world_updates {}"),
    # the observer sees all; it cannot say that something was run, nor keep that from being said
    ("observer", "XADD mesh:actions * p {}"),
    ("observer", "XADD mesh:ev:_mesh 1-1 p {}"),
    ("observer", "XADD mesh:ev:web01 1-0 p {}"),
    ("observer", "XADD mesh:decisions * p {}"),
    ("observer", "SET mesh:once:plan-a-b-0123456789ab:running:done 1"),
    ("observer", "SET mesh:once:plan-a-b-0123456789ab:remediation_completed 1"),
    ("observer", "SET cooldown:web01/nginx x"),
    ("observer", "HSET proposal:plan-a-b-0123456789ab token x"),
    ("observer", "SET mesh:alive:web01 1"),
    ("observer", "PUBLISH executor_output {}"),
    ("observer", "PUBLISH llm_router_metrics {}"),
    ("observer", "DEL mesh:ev:web01"),
    ("observer", "XDEL mesh:actions 1-0"),
    ("observer", "XGROUP DESTROY mesh:ev:web01 planner"),
    ("observer", "XGROUP SETID mesh:ev:web01 planner $"),
    ("observer", "DEL mesh:dead_letters"),
    ("observer", "SETRANGE mesh:audit:head 400000000 x"),
    # a person speaks as a stranger
    (OPERATOR, "XTRIM mesh:ev:web01 MAXLEN 0"),
    (OPERATOR, "XACK mesh:ev:web01 planner 1-0"),
    (OPERATOR, "XREADGROUP GROUP planner x STREAMS mesh:ev:web01 >"),
    (OPERATOR, "XADD mesh:dead_letters * p {}"),
    (OPERATOR, "SET mesh:audit:head x"),
    (OPERATOR, "SET mesh:once:plan-a-b-0123456789ab:running:done 1"),
    (OPERATOR, "XADD mesh:ev:web01 1-0 p {}"),
    (OPERATOR, "XADD mesh:ev:_mesh 1-1 p {}"),
    (OPERATOR, "XADD mesh:actions * p {}"),
    (OPERATOR, "PUBLISH action_updates {}"),
    (OPERATOR, "DEL mesh:ev:web01"),
    (OPERATOR, "CONFIG SET appendonly no"),
    # nobody but the administrator
    *((user, command) for user in EVERYBODY for command in ("FLUSHALL", "SHUTDOWN NOSAVE", "ACL LIST", "KEYS *")),
    *((user, command) for user in EVERYBODY for command in ("CONFIG SET dir /tmp", "MONITOR", "REPLICAOF NO ONE")),
    ("ping", "GET mesh:ev:seq"),
    ("ping", "PUBLISH health_events {}"),
]
# No ACL can forbid these: who may append to a stream may cut it with the same command. The observer notices.
NOTICED = [
    ("planner", "XADD mesh:actions MAXLEN 0 * p {}"),
    ("planner", "XADD mesh:decisions MAXLEN 0 * p {}"),
    ("planner", "XADD mesh:llm_attempts MINID 9999999999999-0 * p {}"),
    ("planner", "XADD mesh:dead_letters MAXLEN 1 * p {}"),
    ("planner", "XADD mesh:ev:_foreign MAXLEN 0 * p {}"),
    ("executor", "XADD mesh:actions MAXLEN 0 * p {}"),
    ("executor", "XADD mesh:ev:_mesh MAXLEN 0 * p {}"),
    (OPERATOR, "XADD mesh:ev:_foreign MAXLEN 0 * p {}"),
]
# What a script would do is refused as well, whoever's keys it names: (who, the script's line).
IN_SCRIPTS = [
    ("planner", "redis.call('XADD', 'mesh:ev:_mesh', '*', 'p', '{}')"),
    ("observer", "redis.call('XADD', 'mesh:actions', '*', 'p', '{}')"),
    ("observer", "redis.call('PUBLISH', 'executor_output', '{}')"),
    ("executor", "redis.call('DEL', 'mesh:actions')"),
    (OPERATOR, "redis.call('XADD', 'mesh:ev:web01', '1-0', 'p', '{}')"),
]


def test_every_forbidden_command_is_refused(acl_redis: AclRedis) -> None:
    assert len(FORBIDDEN) >= 130
    done = [f"{user}: {command}" for user, command in FORBIDDEN if not _is_refused(acl_redis, user, *command.split())]
    assert not done


async def test_what_a_service_erases_by_appending_is_noticed_and_what_the_observer_trims_is_not(
    acl_redis: AclRedis,
) -> None:
    bus = Bus.connect(acl_redis.url("observer"), "observer")
    erasures = Erasures(bus, "home")
    with acl_redis.client(ADMIN) as admin:
        for _, command in NOTICED:
            for _ in range(5):
                admin.execute_command("XADD", command.split()[1], "*", "p", "{}")

        async def told() -> list[tuple[object, object]]:
            rows, _ = await bus.page(OBSERVER_STREAM, "-")
            events = [json.loads(raw) for _, raw in rows]
            assert {event["type"] for event in events} <= {"records_erased"}
            return [(event["payload"]["stream"], event["payload"]["entries"]) for event in events]

        try:
            await erasures.look()
            assert await erasures.remove("XTRIM", "mesh:actions", "MAXLEN", 4) == 6
            await erasures.remove("XDEL", "mesh:ev:_mesh", "1-1")
            await erasures.look()
            assert await told() == []
            for user, command in NOTICED:
                stream = command.split()[1]
                admin.execute_command("XADD", stream, "*", "p", "{}")  # what others write meanwhile is no erasure
                there = int(admin.execute_command("XLEN", stream))
                with acl_redis.client(user) as client:
                    client.execute_command(*command.split())
                left = int(admin.execute_command("XLEN", stream))
                await erasures.look()
                assert (await told())[-1] == (stream, there + 1 - left)
            await erasures.look()
            assert len(await told()) == len(NOTICED)
        finally:
            await bus.close()


def test_a_script_may_do_no_more_than_its_caller(acl_redis: AclRedis) -> None:
    for user, line in IN_SCRIPTS:
        with acl_redis.client(user) as client:
            sha = client.execute_command("SCRIPT", "LOAD", f"{line} return 1")
            with pytest.raises(redis.ResponseError, match=r"(?i)permission|can't"):
                client.execute_command("EVALSHA", sha, "0")


def test_nobody_comes_in_without_a_password(acl_redis: AclRedis) -> None:
    for url in (acl_redis.server.url, f"redis://planner:wrong@127.0.0.1:{acl_redis.server.port}/0"):
        with redis.Redis.from_url(url) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_a_node_may_do_what_it_is_there_for(acl_redis: AclRedis) -> None:
    with acl_redis.client(NODE) as node:
        assert node.execute_command("XADD", "mesh:ev:web01", "1-0", "p", "{}") == b"1-0"
        assert node.execute_command("XRANGE", "mesh:ev:web01", "-", "+")
        assert node.execute_command("XINFO", "STREAM", "mesh:ev:web01")
        node.execute_command("SET", "mesh:alive:web01", "1", "EX", "120")
        assert node.publish("health_events", "{}") == 0


def _is_refused(acl_redis: AclRedis, user: str, *words: str) -> bool:
    url = acl_redis.url(user) if user != "ping" else f"redis://ping:-@127.0.0.1:{acl_redis.server.port}/0"
    with redis.Redis.from_url(url, socket_timeout=60) as client:
        try:
            client.execute_command(*words)
        except (redis.exceptions.NoPermissionError, redis.ResponseError) as error:
            return isinstance(error, redis.exceptions.NoPermissionError) or "permission" in str(error).lower()
    return False
