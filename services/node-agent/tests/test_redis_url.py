"""What a Redis URL says beside host and port counts for the agent as it does for the other services."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from mesh_core.testing import RedisServer, wait_for
from node_agent.delivery.redis_client import RedisClient, RedisUnavailable

STREAM = "mesh:ev:n1"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Two that vouch for themselves, with keys: `server.pem`, for a name that nobody asks for, and `agent.pem`."""
    for who in ("server", "agent"):
        command = (
            f"openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 -subj /CN={who}.example"
            f" -keyout {who}.key -out {who}.pem"
        )
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    sealed = "openssl ec -aes128 -passout pass:w&rd -in agent.key -out sealed.key"
    subprocess.run(sealed.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@contextlib.asynccontextmanager
async def behind_tls(server: RedisServer, files: Path, open_lines: set[object]) -> AsyncIterator[int]:
    """A port before this Redis, as Redis' own is: it wants to see a certificate of whoever comes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files / "agent.pem"))
    context.load_cert_chain(files / "server.pem", files / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(4096):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_lines.add(writer)
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(carry(reader, to_redis), carry(from_redis, writer))
        open_lines.remove(writer)

    port = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with port:
        yield port.sockets[0].getsockname()[1]


async def test_own_authorities_and_a_certificate_of_the_agent_are_taken_from_the_url(
    redis_server: RedisServer, certificates: Path
) -> None:
    own = f"ssl_certfile={certificates}/agent.pem&ssl_keyfile={certificates}/agent.key"
    trusted = f"ssl_ca_certs={certificates}/server.pem"
    open_lines: set[object] = set()
    async with behind_tls(redis_server, certificates, open_lines) as port:

        async def append(*options: str) -> None:
            line = RedisClient(f"rediss://127.0.0.1:{port}/0?{'&'.join(options)}", "test")
            try:
                await line.append("n1", "5-0", b"{}")
            finally:
                await line.close()

        with pytest.raises(RedisUnavailable, match="verify failed"):
            await append(own)
        with pytest.raises(RedisUnavailable, match="mismatch"):
            await append(own, trusted)
        with pytest.raises(RedisUnavailable):
            await append(trusted, "ssl_check_hostname=no")
        with pytest.raises(RedisUnavailable, match="No such file"):
            await append(own, "ssl_ca_certs=/nowhere")
        sealed = own.replace("agent.key", "sealed.key")
        with pytest.raises(RedisUnavailable):
            await append(sealed, trusted, "ssl_check_hostname=no")
        await append(sealed, trusted, "ssl_check_hostname=no", "ssl_password=w%26rd")
        await wait_for(lambda: len(open_lines) == 0, 10, "every line is closed")
    with redis.Redis(port=redis_server.port) as client:
        assert client.xlen(STREAM) == 1


async def test_a_login_may_stand_among_the_options(redis_server: RedisServer) -> None:
    with redis.Redis(port=redis_server.port) as client:
        client.acl_setuser("agent", enabled=True, passwords=["+w&rd"], keys=["*"], channels=["*"], commands=["+@all"])
    line = RedisClient(f"redis://127.0.0.1:{redis_server.port}?db=2&username=agent&password=w%26rd", "test")
    await line.append("n1", "5-0", b"{}")
    assert await line.call("ACL", "WHOAMI") == b"agent"
    await line.close()
    with redis.Redis(port=redis_server.port, db=2) as client:
        assert client.xlen(STREAM) == 1
