"""What a playbook may contain, judged in pure Python before Ansible sees it: checking the syntax would run it."""

from __future__ import annotations

import hashlib
import random
import time

import pytest
from lint_rig import GOOD, HEAD, MOTD, SHA, a_task, lint, template
from playbook_fuzz import mutated
from playbook_walker import holes_in

from mesh_core.models.proposals import Attachment, Playbook
from mesh_core.policy.playbook_lint import Lint, Widened, lint_playbook
from mesh_core.policy.playbook_lint.checkers import CHECKERS
from mesh_core.policy.playbook_lint.table import table, words
from mesh_core.policy.policy import BadPolicy, Policy


def test_an_everyday_playbook_passes() -> None:
    assert lint(GOOD) == Lint()


def test_every_argument_in_the_table_has_a_checker() -> None:
    for arguments in (*table().modules.values(), table().widened):
        for checker in arguments.values():
            assert isinstance(checker, tuple) or checker in CHECKERS
    assert not set(table().modules) & set(table().never_modules)


SHAPES = (
    "",
    "hello",
    "\0",
    "- just text",
    "[]",
    "- {}",
    "- hosts: n2\n  tasks: []",
    "- hosts: all\n  tasks: []",
    "- hosts: [n1]\n  tasks: []",
    "- hosts: 'n1,n2'\n  tasks: []",
    "- hosts: 'n*'\n  tasks: []",
    "- hosts: n1\n  tasks: []\n- hosts: n2\n  tasks: []",
    "- hosts: \"{{ lookup('pipe', 'id') }}\"\n  tasks: []",
    "- name: \"{{ lookup('pipe', 'id') }}\"\n  hosts: n1\n  tasks: []",
    "- name: '{% set x = 1 %}'\n  hosts: n1\n  tasks: []",
    "- hosts: n1\n  become_user: '{{ x }}'\n  tasks: []",
    "- hosts: n1\n  vars_files: [\"{{ lookup('pipe','id') }}\"]\n  tasks: []",
    "- hosts: n1\n  vars_files: [/etc/passwd]\n  tasks: []",
    "- hosts: n1\n  vars_prompt: [{name: x}]\n  tasks: []",
    "- hosts: n1\n  roles: [x]",
    "- hosts: n1\n  collections: [evil.one]\n  tasks: []",
    "- hosts: n1\n  module_defaults: {copy: {src: /etc/passwd}}\n  tasks: []",
    "- hosts: n1\n  strategy: debug\n  tasks: []",
    "- hosts: n1\n  connection: local\n  tasks: []",
    "- hosts: n1\n  environment: {LD_PRELOAD: /tmp/x.so}\n  tasks: []",
    "- hosts: n1\n  become_method: evil\n  tasks: []",
    "- hosts: n1\n  check_mode: false\n  tasks: []",
    "- hosts: n1\n  vars: {ansible_host: evil}\n  tasks: []",
    "- hosts: n1\n  vars: {hostvars: 1}\n  tasks: []",
    "- hosts: n1\n  vars: {inventory_hostname: n2}\n  tasks: []",
    "- hosts: n1\n  vars: {lookup: x}\n  tasks: []",
    "- hosts: n1\n  vars: {_x: x}\n  tasks: []",
    "- hosts: n1\n  vars: [a]\n  tasks: []",
    "- hosts: n1\n  vars: {x: \"{{ lookup('pipe','id') }}\"}\n  tasks: []",
    "- hosts: n1\n  vars: {x: {deep: [{er: \"{{ lookup('pipe','id') }}\"}]}}\n  tasks: []",
    "- hosts: n1\n  vars: {x: {'{{ q }}': 1}}\n  tasks: []",
    "- import_playbook: other.yml",
    HEAD + "{ping: {}}",
    HEAD + "[ping]",
    HEAD + "[{ping: {}, stat: {path: /}}]",
    HEAD + "[{name: nothing}]",
    HEAD + "[{block: [{add_host: {name: x}}]}]",
    HEAD + "[{block: [], ping: {}}]",
    HEAD + "[{block: [{ping: {}}], rescue: [{shell: id}]}]",
    HEAD + "[{ping: {}, args: '{{ x }}'}]",
    HEAD + "[{copy: 'src=/etc/passwd dest=/tmp/x'}]",
    HEAD + "[{copy: {dest: /tmp/x}, args: {src: /etc/passwd}}]",
    HEAD + "[{ping: {}, tags: ['{{ x }}']}]",
    HEAD + "[{ping: {}, notify: '{{ x }}'}]",
    HEAD + "[{ping: {}, name: 'x {{ 1 }}'}]",
    "- hosts: n1\n  hosts: n2\n  tasks: []",
    "- hosts: n1\n  tasks: []\n  'tasks': [{shell: id}]",
    "- hosts: n1\n  <<: {connection: local}\n  tasks: []",
    "- hosts: n1\n  tasks: &t []\n  handlers: *t",
    "- hosts: n1\n  tasks: !!python/object/apply:os.system ['id']",
    HEAD + "[{copy: {content: !vault x, dest: /x}}]",
    HEAD + "[{copy: !unsafe {content: x, dest: /x}}]",
    HEAD + "[{copy: {content: !!binary aGk=, dest: /x}}]",
    HEAD + "[{copy: {content: 2020-01-01, dest: /x}}]",
    HEAD + "[{copy: {1: x}}]",
    HEAD + "[{copy: {? [a] : x}}]",
    HEAD + "[" + "{block: [" * 3000,
    HEAD + "[" * 100_000,
    "- " * 100_000,
    "---\n- hosts: n1\n  tasks: []\n---\n- hosts: n2\n  tasks: []",
)


@pytest.mark.parametrize("text", SHAPES, ids=range(len(SHAPES)))
def test_a_shape_that_could_act_before_or_beyond_the_review_is_named(text: str) -> None:
    problems = lint(text).problems
    assert problems
    assert all(isinstance(sentence, str) and 5 < len(sentence) < 700 for sentence in problems)


def test_the_attachments_are_this_proposals_own_and_have_the_hash_they_say() -> None:
    text = a_task(**{"copy": {"src": f"files/{SHA}", "dest": "/etc/motd"}})
    right = Playbook(
        name="p",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        attachments=(Attachment(name="motd", sha256=SHA, text=MOTD),),
    )
    assert lint_playbook(right, "n1") == Lint()
    changed = right.model_copy(update={"attachments": (Attachment(name="motd", sha256=SHA, text=MOTD + "x"),)})
    assert "motd does not match" in lint_playbook(changed, "n1").sentence
    assert "text does not match" in lint_playbook(right.model_copy(update={"text": text + "\n"}), "n1").sentence
    assert "does not carry" in lint_playbook(right.model_copy(update={"attachments": ()}), "n1").sentence
    with pytest.raises(ValueError, match="65537 bytes"):
        Attachment(name="big", sha256=SHA, text="x" * 65537)
    with pytest.raises(ValueError, match="65536"):
        Attachment(name="big", sha256=SHA, text="ü" * 40_000)


POLICY = "rules: []\nrequests: {modules: {ansible.builtin.shell: [cmd, chdir], ansible.builtin.copy: [validate]}}"


def test_a_policy_widens_the_table_and_what_only_it_allows_is_named() -> None:
    widened = Policy.from_text(POLICY).widened
    text = HEAD + "[{shell: 'echo {{ inventory_hostname }}'}, {copy: {content: x, dest: /x, validate: 'true %s'}}]"
    assert lint(text).problems
    found = lint(text, widened=widened)
    assert found == Lint(by_policy=("ansible.builtin.copy: validate", "ansible.builtin.shell: cmd"))
    for still in (
        "[{shell: {cmd: id, stdin: x}}]",
        "[{shell: {cmd: \"{{ lookup('pipe', 'id') }}\"}}]",
        "[{copy: {src: /etc/passwd, dest: /x, validate: x}}]",
        "[{shell: id, delegate_to: n2}]",
        "[{command: id}]",
    ):
        assert lint(HEAD + still, widened=widened).problems, still


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        ("{shell: [cmd]}", "full name"),
        ("{ansible.builtin.add_host: [name]}", "another host"),
        ("{ansible.builtin.fetch: [src]}", "writes on the executor"),
        ("{ansible.posix.synchronize: []}", "can never be allowed"),
        ("{community.docker.docker_container_copy_into: [path]}", "executor's disk"),
        ("{community.docker.docker_container: [docker_host]}", "leads elsewhere"),
        ("{ansible.builtin.template: [variable_start_string]}", "can never"),
        ("{ansible.builtin.debug: [var]}", "can never"),
        ("{evil.thing.module: [x]}", "executor does not have it"),
        ("{community.general.pacman: [name]}", "does not have it .*of others .*community.general.ufw"),
        ("{ansible.builtin.shell: [_raw_params]}", "not an argument"),
        ("{ansible.builtin.shell: cmd}", "requests.modules"),
        ("[ansible.builtin.shell]", "requests.modules"),
    ],
)
def test_some_things_no_policy_can_allow_and_the_error_says_which(modules: str, why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        Policy.from_text(f"rules: []\nrequests: {{modules: {modules}}}")


def test_what_a_widened_module_reads_is_still_an_attachment() -> None:
    widened = Widened({"ansible.posix.patch": ("src", "dest", "remote_src"), "ansible.builtin.uri": ("ca_path",)})
    assert lint(HEAD + "[{ansible.posix.patch: {src: /etc/passwd, dest: /x}}]", widened=widened).problems
    assert not lint(HEAD + f"[{{ansible.posix.patch: {{src: files/{SHA}, dest: /x}}}}]", widened=widened).problems
    # A list made by hand, past the policy's own check, opens nothing either.
    forged = Widened({"ansible.builtin.fetch": ("src", "dest"), "ansible.builtin.template": ("block_start_string",)})
    assert lint(HEAD + "[{fetch: {src: /etc/x, dest: /x}}]", widened=forged).problems
    task = f"[{{template: {{src: files/{SHA}, dest: /x, block_start_string: x}}, vars: {{greeting: 1, mirrors: []}}}}]"
    assert lint(HEAD + task, widened=forged).problems


@pytest.mark.parametrize(
    "command",
    [
        *(
            "rm -rf /",
            "sudo rm -r -f /*",
            "cd /x; rm -fr /etc",
            "mkfs.ext4 /dev/sdb1",
            "dd if=/dev/zero of=/dev/sda bs=1M",
        ),
        *('rm -rf "/"', "rm -rf --no-preserve-root /", "rm -r /var/lib", "rm -rf ~", "find / -xdev -delete"),
        *("docker system prune -af --volumes", "podman volume rm data", "docker compose -p x down -v"),
        *("zpool destroy tank", "cat /dev/zero > /dev/nvme0n1", "psql -c 'DROP DATABASE shop'", "wipefs -a /dev/sdc"),
        *("cryptsetup luksErase /dev/sdb", "btrfs subvolume delete /data"),
    ],
)
def test_a_command_that_destroys_is_said_in_a_sentence_of_its_own(command: str) -> None:
    shell = Widened({"ansible.builtin.shell": ("cmd",), "ansible.builtin.command": ("argv",)})
    assert lint(a_task(**{"shell": command}), widened=shell).dangers
    assert lint(a_task(**{"command": {"argv": command.split()}}), widened=shell).dangers
    for harmless in (
        *("rm -rf /var/tmp/build", "rm -rf /tmp/x", "dd if=/dev/zero of=/swap", "echo mkfsx", "rm /etc", "docker ps"),
        *(
            "docker system prune -f",
            "docker compose down",
            "docker run -v /a:/b web rm",
            "find /srv -name x",
            "zfs list",
        ),
    ):
        assert not lint(a_task(**{"shell": harmless}), widened=shell).dangers


def test_garbage_never_raises_and_what_passes_holds_nothing_off_the_list() -> None:
    texts, passed = mutated(random.Random(8)), 0
    for text in (next(texts) for _ in range(400)):
        if not lint(text).problems:
            passed += 1
            assert holes_in(text) == [], text
    assert passed > 15  # the judge lets something through, or this shows nothing


def test_the_second_reading_sees_what_the_judge_would_have_to() -> None:
    assert holes_in(GOOD) == []
    for text in (
        HEAD + "[{shell: id}]",
        HEAD + "[{block: [{ping: {}, delegate_to: n2}]}]",
        HEAD + "[{copy: {src: /etc/shadow, dest: /x}}]",
        HEAD + "[{file: {path: /x, state: gone}}]",
        HEAD + "[{get_url: {url: 'file:///etc/shadow', dest: /x}}]",
        HEAD + "[{set_fact: {ansible_host: n2}}]",
        HEAD + "[{ping: {}, when: hostvars.n2.x}]",
        HEAD + "[{ping: {}, check_mode: false}]",
        *(template("{{ " + said + " }}") for said in ("hostvars", "lookup('pipe', 'id')", "x | file", "x.__class__")),
        "- hosts: n2\n  tasks: []",
        "- hosts: n1\n  roles: [x]",
    ):
        assert holes_in(text), text


def test_a_list_where_a_word_should_be_is_a_template_s_or_a_problem_and_never_an_error() -> None:
    for task in ("user: {name: x, state: [[]]}", "service: {name: x, state: {a: b}, enabled: []}", "dnf: {name: [{}]}"):
        assert lint(HEAD + f"[{{{task}}}]").problems


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        template("{{ x }}" * 8000),
        template("{{ " + "x | upper " * 5000 + "}}"),
        HEAD + "[" + ", ".join(["{debug: {msg: '{{ omit }}'}}"] * 4000) + "]",
        HEAD + "[" + ", ".join([f"{{template: {{src: files/{SHA}, dest: /x}}}}"] * 2500) + "]",
        "x: " * 80_000,
        HEAD + "[{" + ", ".join(f"m{n}: " for n in range(25_000)) + "}]",
        "? " * 120_000,
        "- hosts: n1\n  vars: {" + ", ".join(f"v{n}: '{{{{ v{n} }}}}'" for n in range(5000)) + "}\n  tasks: []",
        "#" * 250_000,
        "a" * 1_000_000,
        HEAD + '[{copy: {content: "' + "{" * 200_000 + '", dest: /x}}]',
        HEAD + '[{shell: "' + "rm -r " * 40_000 + '"}]',
    ],
    ids=range(12),
)
def test_hostile_text_costs_a_bounded_time(text: str) -> None:
    large = {SHA: "{{ inventory_hostname }} " * 2500}
    begun = time.process_time()
    lint(text, files=large, widened=Widened({"ansible.builtin.shell": ("cmd",)}))
    assert time.process_time() - begun < 6


def test_the_lists_hold_nothing_that_reads_the_executor() -> None:
    dangerous = {"fileglob", "unvault", "vault", "realpath", "expanduser", "random", "password_hash", "url_lookup"}
    assert not words().filters & dangerous
    assert not words().tests & {
        "file",
        "exists",
        "directory",
        "link",
        "mount",
        "same_file",
        "filter",
        "test",
        "callable",
    }
