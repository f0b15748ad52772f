"""A request of several lines: a wish on each, or one wish whose text has them."""

from __future__ import annotations

import pytest
from sentence_rig import drafted


@pytest.mark.parametrize(
    "text",
    [
        "install lsof\nstart the service cups",
        "- install lsof\r\n- start the service cups\r\n",
        "1. installiere lsof\n\n2. starte den Dienst cups.",
        "\u2022 installe lsof\n\u2022 d\u00e9marre le service cups",
    ],
)
def test_a_list_is_a_wish_on_each_line(text: str) -> None:
    package, service = drafted(text).tasks
    assert package["ansible.builtin.package"]["name"] == ["lsof"]
    assert service["ansible.builtin.service"]["name"] == "cups"


def test_the_lines_of_a_quoted_text_stay_its_lines_as_unix_writes_them() -> None:
    (task,) = drafted('create the file /srv/motd with content "one\r\ntwo"').tasks
    assert task["ansible.builtin.copy"]["content"] == "one\ntwo"
