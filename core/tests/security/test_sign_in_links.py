"""One-time links: young, used once, and only of a folder that nobody else may write into."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

import pytest

from mesh_core.security.sign_in_links import LINK_SECONDS, is_waiting, links_folder, make_link, person_name, take_link

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


@pytest.mark.skipif(ME != 0, reason="works in another user's folder: root only")
@pytest.mark.parametrize("trap", ["sign-in", "state"])
def test_root_gives_nothing_away_and_writes_nothing_where_a_stranger_laid_a_link(tmp_path: Path, trap: str) -> None:
    theirs, roots = tmp_path / "checkout", tmp_path / "roots"
    (roots / "sign-in").mkdir(parents=True)
    (old := roots / ("0" * 64)).touch()
    os.utime(old, (0, 0))
    theirs.mkdir()
    (theirs / trap).symlink_to(roots) if trap == "state" else (theirs / "state").mkdir()
    if trap == "sign-in":
        links_folder(theirs).symlink_to(roots)
    os.chown(theirs, 65534, 65534)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        make_link(theirs)
    assert [path.stat().st_uid for path in (roots, roots / "sign-in")] == [0, 0]
    assert sorted(path.name for path in roots.rglob("*")) == [old.name, "sign-in"]
    assert take_link(theirs, "x") is None


@pytest.mark.skipif(ME != 0, reason="works in another user's folder: root only")
def test_root_gives_only_the_folder_that_it_made_to_whom_the_place_belongs(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    token = make_link(tmp_path)
    assert links_folder(tmp_path).stat().st_uid == 65534
    assert (links_folder(tmp_path) / _name_of(token)).stat().st_uid == 0
    os.chown(links_folder(tmp_path), 0, 0)  # one that was there: whoever owns the place could have put it there
    make_link(tmp_path)
    assert links_folder(tmp_path).stat().st_uid == 0


def _name_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
