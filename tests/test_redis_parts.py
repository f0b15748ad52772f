"""A Redis of the tests is as good as new: emptied when a test left it as it was, and thrown away when it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from parts.redis import HOW, SpareServers
from parts.require import missing

from mesh_core.testing import RedisServer, redis_binary

Change = Callable[[RedisServer, "redis.Redis"], object]


@pytest.fixture(params=HOW)
def kind(request: pytest.FixtureRequest) -> str:
    if redis_binary(request.param) is None:
        missing(f"the {request.param} Redis server", HOW[request.param])
    return str(request.param)


@pytest.fixture
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpareServers]:
    made = SpareServers(tmp_path_factory)
    yield made
    made.end()


def test_the_next_test_gets_the_same_server_without_its_data_and_scripts(spare: SpareServers, kind: str) -> None:
    first = spare.take(kind)
    with redis.Redis(port=first.server.port) as client:
        client.xadd("mesh:ev:pi4", {"p": "1"}, id="9-0")
        client.select(3)
        client.set("elsewhere", "x")
        digest = client.script_load("return 1")
    assert spare.give_back(first)
    assert spare.take(kind) is first
    assert spare.take(kind).server.port != first.server.port  # one that is in use is nobody else's
    with redis.Redis(port=first.server.port) as client:
        assert client.info("keyspace") == {}
        assert client.script_exists(digest) == [False]
        client.xadd("mesh:ev:pi4", {"p": "1"}, id="1-0")  # a stream of before would refuse an id that is smaller
        assert client.info("commandstats")["cmdstat_xadd"]["calls"] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda server, client: client.config_set("maxmemory", 10**8),
        lambda server, client: client.acl_setuser("guest", enabled=True, nopass=True),
        lambda server, client: (server.folder / "left-here").touch(),
        lambda server, client: client.execute_command("CLIENT", "PAUSE", 60_000),
        lambda server, client: client.bgsave() and server.kill(),
        lambda server, client: (server.kill(), server.start()),
        lambda server, client: server.stop(),
    ],
    ids=["setting", "user", "file", "held up", "killed", "another process", "stopped"],
)
def test_what_a_test_changed_about_it_is_handed_to_nobody(spare: SpareServers, kind: str, change: Change) -> None:
    used = spare.take(kind)
    with redis.Redis(port=used.server.port) as client:
        change(used.server, client)
    assert not spare.give_back(used)
    assert used.server.process is None
    assert spare.take(kind) is not used


def test_nor_is_one_with_a_client_that_is_left(spare: SpareServers, kind: str) -> None:
    used = spare.take(kind)
    with redis.Redis(port=used.server.port) as client:
        client.ping()
        assert not spare.give_back(used)
