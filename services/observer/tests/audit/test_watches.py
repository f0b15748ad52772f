"""Who may come in and who silenced what are decisions, too: each change is written down once, also after a restart."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from auth_rig import HASHES

from mesh_core.security.users import People, Role, Token, User, change_people, people_path
from observer.audit.silences import SilenceSource
from observer.audit.users import UserSource
from observer.auth.credentials import UserStore

SINCE = "2026-05-05T12:00:00.000Z"
UID = os.getuid()


class Heard:
    def __init__(self) -> None:
        self.said: list[tuple[str, str, str, str]] = []

    async def note(self, what: str, who: str, how: str, *, reason: str = "", address: str = "") -> object:
        self.said.append((what, who, how, reason))
        return None


def watch_users(runtime: Path, heard: Heard) -> UserSource:
    book = UserStore(people_path(runtime), {}, loopback=True)
    (runtime / "state").mkdir(exist_ok=True)
    return UserSource(book, heard, people_path(runtime), runtime / "state" / "users.seen.json")


async def test_every_change_of_users_is_told_once_with_the_owner_of_the_file(tmp_path: Path) -> None:
    heard = Heard()

    async def after(change: Any) -> list[tuple[str, str]]:
        change_people(people_path(tmp_path), change)
        heard.said.clear()
        for _ in range(2):  # the second is one after a restart
            await watch_users(tmp_path, heard).look()
        assert all(who.endswith(f"(uid {UID})") and how == "mend" for _, who, how, _ in heard.said)
        return [(what, reason) for what, _, _, reason in heard.said]

    def ada(role: Role, hashed: str) -> Any:
        return lambda p: p.with_user("ada", User(role=role, password=hashed, since=SINCE))

    token = Token(role=Role.VIEWER, sha256="0" * 64, since=SINCE)
    assert await after(ada(Role.VIEWER, HASHES["ada"])) == [("user_added", "user ada may come in as viewer")]
    assert await after(ada(Role.OPERATOR, HASHES["ada"])) == [("user_role", "user ada is operator now, and was viewer")]
    assert await after(ada(Role.OPERATOR, HASHES["vic"])) == [("user_secret", "user ada has a new password")]
    assert await after(lambda p: p.with_token("bot", token)) == [("token_added", "token bot may come in as viewer")]
    assert await after(lambda p: People()) == [
        ("token_removed", "token bot may not come in any more"),
        ("user_removed", "user ada may not come in any more"),
    ]
    seen = (tmp_path / "state" / "users.seen.json").read_text()
    assert not any(hashed in seen for hashed in HASHES.values())


def silence(runtime: Path, name: str, by: str) -> Path:
    path = runtime / "silences" / f"{name}.json"
    (runtime / "silences" / "ended").mkdir(parents=True, exist_ok=True)
    (runtime / "state").mkdir(exist_ok=True)
    said = {"id": name, "kind": name.partition("-")[0], "node": "pi4", "service": "web", "by": by, "ends_at": SINCE}
    path.write_text(json.dumps({**said, "reason": "new disk"}))
    return path


async def test_a_silence_is_told_when_it_comes_and_when_it_is_over_and_by_whom(tmp_path: Path) -> None:
    heard = Heard()
    by_page = silence(tmp_path, "maintenance-00000001", "ada (web)")
    silence(tmp_path, "snooze-00000002", "bob")
    began = time.time()
    for _ in range(2):  # the second is one after a restart
        watch = SilenceSource(tmp_path, heard, wall=lambda: began)
        await watch.look()
    about = f"pi4/web until {SINCE}: new disk"
    assert heard.said == [
        ("silence", "ada", "web", f"maintenance-00000001, {about}"),
        ("silence", f"bob (uid {UID})", "mend", f"snooze-00000002, {about}"),
    ]
    heard.said.clear()
    over = by_page.rename(tmp_path / "silences" / "ended" / by_page.name)
    await watch.look()
    assert heard.said == []  # the word about why comes a moment later
    over.with_name(over.name + ".reason.txt").write_text("ended by bob\n-- bob\n")
    for _ in range(2):
        await watch.look()
    assert heard.said == [("silence_over", f"bob (uid {UID})", "mend", "maintenance-00000001: ended by bob")]


async def test_what_ends_by_itself_and_what_came_and_went_unseen_are_told(tmp_path: Path) -> None:
    heard = Heard()
    path = silence(tmp_path, "acknowledge-00000003", "bob")
    path.rename(tmp_path / "silences" / "ended" / path.name)
    watch = SilenceSource(tmp_path, heard, wall=lambda: path_time(tmp_path) + 10)
    for _ in range(2):
        await watch.look()
    assert [(what, who) for what, who, *_ in heard.said] == [
        ("silence", f"bob (uid {UID})"),
        ("silence_over", "clock"),
    ]


async def test_rubbish_among_the_silences_stops_nothing(tmp_path: Path) -> None:
    heard = Heard()
    silence(tmp_path, "snooze-00000002", "bob")
    folder = tmp_path / "silences"
    (folder / "a.json").write_text("[" * 50_000)
    (folder / "b.json").mkdir()
    (folder / "c.json").symlink_to("/etc/passwd")
    os.mkfifo(folder / "d.json")
    (folder / "e.json").write_text('{"by": 3, "kind": []}')
    await SilenceSource(tmp_path, heard).look()
    assert [what for what, *_ in heard.said] == ["silence"]


def path_time(runtime: Path) -> float:
    return next((runtime / "silences" / "ended").iterdir()).lstat().st_ctime
