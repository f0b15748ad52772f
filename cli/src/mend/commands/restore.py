"""`mend restore`: a mesh out of a backup, into an empty place. Checks everything first; runs and approves nothing."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import redis
import typer

from mend.backup.archive import BadArchive, Manifest
from mend.backup.archive_reading import verified
from mend.backup.nearby_redis import nearby_redis
from mend.backup.redis_keys import RedisTrouble, is_used
from mend.backup.restoring import Restored, in_the_way
from mend.backup.restoring import restore as put_back
from mend.commands.backup import WithoutRedis
from mend.context import CliContext
from mend.errors import NOT_THERE, CliError
from mend.local.lock import sole_mesh
from mend.options import AsJson
from mend.output.text import plain
from mend.views.counting import Counting
from mesh_core.storage.migrations import services_alive
from mesh_core.storage.schema import SCHEMA_VERSION, WrongSchema, read_schema, write_schema


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `mend backup` wrote.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Check it and say what would happen.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move what is there aside, into RUNTIME_PATH/replaced-<time>/.")
    ] = False,
    without_redis: WithoutRedis = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup back: into an empty RUNTIME_PATH and an empty Redis, with the mesh stopped.

    Every file is compared with its sha256 before anything is touched. Nothing runs because of a restore: what was
    approved waits in pending/ again, what was running lies in interrupted/. Where a deployment has users of its own,
    run it as root. With only the disk lost and Redis alive, say --without-redis.

    \b
    Examples
      mend restore mesh.tar.gz --dry-run
      RUNTIME_PATH=/opt/homelab mend restore /mnt/usb/mesh.tar.gz
      mend restore mesh.tar.gz --replace        over what is there; that is kept aside
    """
    cli: CliContext = ctx.obj
    manifest = _checked(cli, file)
    wants_redis = manifest.redis is not None and not without_redis
    if not dry_run and (alive := services_alive(cli.runtime)):
        raise CliError(f"{', '.join(alive)} still run on {plain(cli.runtime)}: stop the mesh, then restore")
    _check_files(cli, replace)
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(sole_mesh(cli.runtime))
        client = None
        if wants_redis and not (dry_run and not replace and _is_fresh(cli)):
            client = stack.enter_context(nearby_redis(cli, making=not dry_run))
            _check_redis(client, replace)
        done = None if dry_run else _put_back(cli, file, manifest, client)
    if done and manifest.schema < SCHEMA_VERSION:
        write_schema(cli.runtime, "mend restore", version=manifest.schema)
        cli.say(f"it has layout {manifest.schema}: run `mend migrate` before the start", "yellow")
    _say(cli, file, manifest, done, as_json)


def _checked(cli: CliContext, file: Path) -> Manifest:
    if not file.is_file():
        raise CliError(f"{plain(file)} is not there", NOT_THERE)
    with Counting(cli, "check") as counting:
        try:
            return verified(file, counting.files)
        except BadArchive as bad:
            raise CliError(f"{plain(file)} is not used: {plain(bad, 600)}") from None


def _put_back(cli: CliContext, file: Path, manifest: Manifest, client: redis.Redis | None) -> Restored:
    with Counting(cli, "restore") as counting:
        try:
            return put_back(file, manifest, cli.runtime, client, "mend restore", counting.count)
        except (redis.RedisError, RedisTrouble, ValueError) as error:
            raise CliError(f"Redis did not take it: {plain(error, 400)}; nothing was changed") from None


def _check_redis(client: redis.Redis, replace: bool) -> None:
    if is_used(client) and not replace:
        raise CliError(
            "Redis holds a mesh already. --without-redis leaves it as it is (right when only the disk was "
            "lost); --replace takes the one of the backup instead"
        )


def _check_files(cli: CliContext, replace: bool) -> None:
    try:
        known = read_schema(cli.runtime)
    except WrongSchema:
        known = None
    if replace:
        return
    if known is not None and known.unfinished:
        raise CliError("an earlier restore did not end here; say --replace: what it left is moved aside")
    if found := in_the_way(cli.runtime):
        some = ", ".join(plain(name, 80) for name in found[:3])
        raise CliError(
            f"{plain(cli.runtime)} is not empty ({some} ...). Restore into an empty RUNTIME_PATH, "
            "or say --replace: what is there is moved aside, not deleted"
        )


def _is_fresh(cli: CliContext) -> bool:
    """A place where nothing ever ran: there is no Redis to ask, and that is as it should be."""
    return not (cli.runtime / "redis").exists() and not (cli.runtime / "state").exists()


def _say(cli: CliContext, file: Path, manifest: Manifest, done: Restored | None, as_json: bool) -> None:
    if as_json:
        replaced = str(done.replaced) if done and done.replaced else None
        cli.say_json({"restored": done is not None, "replaced": replaced, **asdict(manifest)})
        return
    verb = "restored" if done else "is whole and could be restored"
    cli.say(f"{plain(file)} {verb}: {manifest.files} files of {plain(manifest.node)}, as of {manifest.begun}", "bold")
    if manifest.redis is not None:
        cli.say(f"  Redis: {manifest.redis.get('keys')} keys, {manifest.redis.get('entries')} stream entries", "dim")
    for action_id in manifest.again_pending[:20]:
        cli.say(f"  {plain(action_id)} was approved: {'waits' if done else 'would wait'} in pending/ for a yes again")
    for action_id in manifest.interrupted[:20]:
        cli.say(f"  {plain(action_id)} was running: {'is' if done else 'would be'} in interrupted/; look at its target")
    for what in manifest.left_out[:20]:
        cli.say(f"  not in the backup: {plain(what)}", "yellow")
    if done and done.replaced:
        cli.say(f"  what was here lies in {plain(done.replaced)}; remove it when you are content", "yellow")
    if done:
        cli.say("Start the mesh, then `mend doctor`.")
