"""One-time links: young, used once, and only of a folder that nobody else may write into."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

from mesh_core.sign_in_links import LINK_SECONDS, is_waiting, links_folder, make_link, person_name, take_link

ME = os.getuid()


def test_a_link_counts_once_and_names_its_maker(tmp_path: Path) -> None:
    token = make_link(tmp_path)
    assert is_waiting(tmp_path, token)
    assert take_link(tmp_path, token) == ME
    assert not is_waiting(tmp_path, token)
    assert take_link(tmp_path, token) is None
    assert person_name(ME).endswith(f" (uid {ME})")
    assert person_name(3_999_999_999) == "somebody (uid 3999999999)"


def test_what_lies_there_is_no_token_and_only_its_owner_can_list_it(tmp_path: Path) -> None:
    token = make_link(tmp_path)
    folder = links_folder(tmp_path)
    (path,) = folder.iterdir()
    assert token not in path.name
    assert path.read_bytes() == b""
    assert take_link(tmp_path, path.name) is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_old_link_opens_nothing_and_is_swept(tmp_path: Path) -> None:
    old, older, young, future = (make_link(tmp_path) for _ in range(4))
    for token, seconds in ((old, LINK_SECONDS + 1), (older, LINK_SECONDS * 9), (future, -3600.0)):
        (path,) = [p for p in links_folder(tmp_path).iterdir() if p.name == _name_of(token)]
        os.utime(path, (time.time() - seconds,) * 2)
    assert take_link(tmp_path, old) is None
    assert not is_waiting(tmp_path, older)
    assert take_link(tmp_path, future) is None
    assert take_link(tmp_path, young) == ME


def test_a_folder_that_others_may_write_into_opens_nothing(tmp_path: Path) -> None:
    """In a deployment every service may write into state/: none of them must get in by making such a folder."""
    token = make_link(tmp_path)
    links_folder(tmp_path).chmod(0o770)
    assert take_link(tmp_path, token) is None
    links_folder(tmp_path).chmod(0o700)
    token = make_link(tmp_path)
    if ME == 0:
        os.chown(links_folder(tmp_path) / _name_of(token), 65534, 65534)
        assert take_link(tmp_path, token) is None


def _name_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
