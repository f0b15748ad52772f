"""The people: they say yes and no by `mv` and on the page, slowly or at once; some change a file after its review.

Keeps a journal of each decision. Leaves alone what is to heal by itself (services called heal*, and the node agent's).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TOKEN = "chaos-operator-token-0123456789abcdef"
PERSON = "judge"
LOOK_SECONDS = 0.1
UNTOUCHED = ("-heal", "-web")


@dataclass
class Choice:
    """`how`: mv or page. `what`: approve, reject, tamper (changed before the move), race (changed right after it)."""

    id: str
    digest: str
    how: str
    what: str
    at: float = 0.0


class People(threading.Thread):
    def __init__(self, actions: Path, page: str, seed: int):
        super().__init__(daemon=True)
        self.actions, self.page, self.seed = actions, page, seed
        self.journal: list[Choice] = []
        self.halt = threading.Event()
        self._seen: dict[str, float] = {}
        self._headers: dict[str, str] | None = None
        self._page_rests_until = 0.0
        self._unsure: dict[str, tuple[Choice, Path]] = {}

    def run(self) -> None:
        while not self.halt.wait(LOOK_SECONDS):
            self.look()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        return {"choices": [asdict(choice) for choice in self.journal]}

    def look(self) -> None:
        """Decide about everything that has waited for as long as this person takes."""
        self.settle()
        with contextlib.suppress(FileNotFoundError):
            for path in sorted((self.actions / "pending").glob("plan-*.json")):
                if self.halt.is_set():
                    return
                if any(word in path.name for word in UNTOUCHED):
                    continue
                draw = hashlib.sha256(f"{self.seed} {path.name}".encode()).digest()
                seen = self._seen.setdefault(path.name, time.monotonic())
                if time.monotonic() - seen >= (draw[1] / 60 if draw[2] < 60 else 0):
                    self._decide(path, draw[0] % 100)

    def _decide(self, path: Path, draw: int) -> None:
        action_id, digest, _ = path.name.rsplit(".", 2)
        what, how = "approve", "mv" if draw < 50 else "page"
        if draw < 4:
            what = "tamper"
        elif draw < 7:
            what = "race"
        elif draw < 12 or draw > 95:
            what = "reject"
        choice = Choice(action_id, digest, how, what)
        done = self._on_page(choice, path) if how == "page" else self._by_hand(choice, path)
        if done:
            self._note(choice)

    def _note(self, choice: Choice) -> None:
        self._unsure.pop(choice.id, None)
        choice.at = time.time()
        self.journal.append(choice)

    def _by_hand(self, choice: Choice, path: Path) -> bool:
        target = self.actions / ("rejected" if choice.what == "reject" else "approved") / path.name
        try:
            if choice.what == "tamper":
                aside = self.actions / path.name
                path.rename(aside)
                with contextlib.suppress(OSError):  # on a full disk half of it is left: not what was reviewed, either
                    aside.write_bytes(_changed(aside.read_bytes()))
                aside.rename(target)
            elif choice.what == "race":
                with path.open("r+b") as handle:
                    raw = handle.read()
                    path.rename(target)
                    handle.seek(0)
                    with contextlib.suppress(OSError):
                        handle.write(_changed(raw)[: len(raw)])
            else:
                path.rename(target)
        except FileNotFoundError:
            return False
        return True

    def _on_page(self, choice: Choice, path: Path) -> bool:
        if time.monotonic() < self._page_rests_until:
            return False
        body: dict[str, Any] = {"digest": choice.digest}
        if choice.what == "reject":
            body["reason"] = "not now, said the judge"
        try:
            if self._headers is None:
                self._headers = sign_in(self.page)
            post(f"{self.page}/api/v1/proposals/{choice.id}/{choice.what}", body, self._headers)
        except urllib.error.HTTPError as error:
            with error:
                self._headers = None if error.code in (401, 403) else self._headers
            self._page_rests_until = time.monotonic() + 0.3
            return False
        except OSError:
            # It died under our hands. It may have done it, or do it later: nobody else moves this file.
            self._headers = None
            self._page_rests_until = time.monotonic() + 0.3
            self._unsure[choice.id] = (choice, path)
            return False
        return True

    def settle(self) -> None:
        """Decisions whose answer was lost: what is not in pending/ any more was moved through us."""
        for choice, path in list(self._unsure.values()):
            if not path.exists():
                self._note(choice)


def sign_in(page: str) -> dict[str, str]:
    """The headers with which an operator's browser speaks: a session's cookie and its csrf token."""
    request = urllib.request.Request(
        f"{page}/api/v1/login", json.dumps({"token": TOKEN}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        cookie = reply.headers["Set-Cookie"].partition(";")[0]
        return {"Cookie": cookie, "X-CSRF-Token": json.loads(reply.read())["csrf"]}


def post(url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=10) as reply:
        reply.read()


def _changed(raw: bytes) -> bytes:
    """Still a proposal, but with other words than were reviewed."""
    return raw.replace(b'"confidence": ', b'"confidence":  ', 1).replace(b'"reason": "', b'"reason": "X', 1)
