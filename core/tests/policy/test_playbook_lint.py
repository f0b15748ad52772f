"""What a playbook may contain, judged in pure Python before Ansible sees it: checking the syntax would run it."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from mesh_core.models.proposals import Attachment, Playbook
from mesh_core.policy.playbook_lint import Lint, Widened, lint_playbook, lint_text
from mesh_core.policy.playbook_lint.checkers import CHECKERS
from mesh_core.policy.playbook_lint.table import table, words
from mesh_core.policy.policy import BadPolicy, Policy

MOTD = "Welcome to {{ greeting }}\n{% for one in mirrors if one %}{{ loop.index }} {{ one | upper }}\n{% endfor %}"
SHA = hashlib.sha256(MOTD.encode()).hexdigest()

GOOD = f"""
- name: Put up a page
  hosts: n1
  gather_facts: true
  become: true
  vars: {{days: 7, folder: /var/www, greeting: "host {{{{ inventory_hostname }}}}", mirrors: [a, b]}}
  pre_tasks:
    - ansible.builtin.apt: {{name: [nginx, "curl"], state: present, update_cache: true, cache_valid_time: 3600}}
      when: ansible_facts['os_family'] == 'Debian' and ansible_facts.distribution_version is version('11', '>=')
      register: installed
  tasks:
    - file: {{path: "{{{{ folder }}}}/html", state: directory, mode: "0755", owner: www-data}}
    - ansible.builtin.template: {{src: files/{SHA}, dest: "{{{{ folder }}}}/motd", mode: 0644}}
    - ansible.builtin.copy: {{src: files/{SHA}, dest: /etc/motd, backup: yes}}
    - ansible.builtin.copy: {{src: /etc/hosts, remote_src: true, dest: /etc/hosts.before}}
    - ansible.builtin.copy: {{content: !unsafe "{{{{ $labels.node }}}} is down", dest: /etc/rule}}
    - ansible.builtin.unarchive: {{src: "https://example.org/x.tgz", remote_src: true, dest: /opt}}
    - ansible.builtin.lineinfile: {{path: /etc/x, regexp: "^a=", line: "a={{{{ days | int + 1 }}}}"}}
    - ansible.builtin.get_url: {{url: "https://example.org/{{{{ days }}}}.txt", dest: /opt/x, mode: "0644"}}
    - ansible.builtin.git: {{repo: "https://example.org/x.git", dest: /opt/x, version: main}}
    - ansible.builtin.user: {{name: "{{{{ item.name }}}}", groups: [wheel], append: true}}
      loop: [{{name: ann}}, {{name: bob}}]
      loop_control: {{label: "{{{{ item.name }}}}"}}
    - ansible.builtin.uri: {{url: "http://127.0.0.1/", status_code: [200, 204]}}
      register: answer
      until: answer.status == 200
      retries: 3
      delay: 2
    - ansible.builtin.cron: {{name: tidy, minute: "*/5", job: /usr/bin/true}}
    - block:
        - community.docker.docker_prune: {{images: true}}
      rescue:
        - ansible.builtin.debug: {{msg: "no docker; the query was fine {{{{ answer | default({{}}) | to_json }}}}"}}
      when: days | int > 3
      vars: {{inner: "{{{{ mirrors | map('upper') | list | first }}}}"}}
    - ansible.builtin.set_fact: {{there: "{{{{ answer.json.get('a', 'b') if answer is defined else omit }}}}"}}
    - ansible.builtin.assert:
        that: [there is defined, "'x' in there or answer.content is search('ok|fine')"]
        fail_msg: "{{{{ there }}}} is not it"
    - ansible.posix.sysctl: {{name: net.ipv4.ip_forward, value: "1"}}
    - community.general.ufw: {{rule: allow, port: "80", proto: tcp}}
  handlers:
    - name: reload
      ansible.builtin.systemd_service: {{name: nginx.service, state: reloaded}}
"""


def lint(text: str, node: str = "n1", widened: Widened | None = None, files: dict[str, str] | None = None) -> Lint:
    return lint_text(text, node, {SHA: MOTD} if files is None else files, widened or Widened())


def a_task(**said: Any) -> str:
    return yaml.safe_dump([{"hosts": "n1", "tasks": [said]}], sort_keys=False)


def template(text: str) -> str:
    return a_task(**{"ansible.builtin.debug": {"msg": text}})


def test_an_everyday_playbook_passes() -> None:
    assert lint(GOOD) == Lint()


def test_every_argument_in_the_table_has_a_checker() -> None:
    for arguments in (*table().modules.values(), table().widened):
        for checker in arguments.values():
            assert isinstance(checker, tuple) or checker in CHECKERS
    assert not set(table().modules) & set(table().never_modules)


HEAD = "- hosts: n1\n  tasks: "
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


@pytest.mark.parametrize("task", TASKS, ids=range(len(TASKS)))
def test_a_task_that_reaches_further_than_the_host_and_the_table_is_refused(task: dict[str, Any]) -> None:
    given = {"folder": "/x", "x": "1", "minus": "-x", "deep": {"one": ["a", "-x"], "1": "a"}, "slash": "/x"}
    given |= {"templated": "{{ x ~ x }}", "rows": [{"n": "-x"}]}
    before = {"ping": {}, "register": "registered"}
    text = yaml.safe_dump([{"hosts": "n1", "vars": given, "tasks": [before, task]}], sort_keys=False)
    assert not lint(yaml.safe_dump([{"hosts": "n1", "vars": given, "tasks": [before]}], sort_keys=False)).problems
    assert lint(text).problems, text


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
        text = yaml.safe_dump([{"hosts": "n1", "vars": given, "tasks": [{"apt": {"name": [name]}}]}])
        assert lint(text) == Lint(), name
    for loop in ("{{ rows }}", [{"n": "curl"}]):
        task = {"apt": {"name": "{{ item.n | default('x') }}"}, "loop": loop}
        assert lint(yaml.safe_dump([{"hosts": "n1", "vars": given, "tasks": [task]}])) == Lint()
    fine = (
        {"git": {"repo": "git@h.example:{{ pkg }}.git", "dest": "/x", "refspec": "+refs/heads/*:refs/x/*"}},
        {"service": {"name": "x-{{ ansible_facts.hostname }}", "state": "started"}},
        {"cron": {"name": "x", "job": "x", "minute": "*/{{ n }}", "cron_file": "x_y"}},
        {"ping": {}, "become_user": "www-data", "timeout": 30, "retries": "3"},
        {"debug": {"msg": "{{ pkg | to_nice_json(indent=2) }} {{ 1.55 | round(1) }} {{ [pkg] | join(',') }}"}},
    )
    for task in fine:
        assert lint(yaml.safe_dump([{"hosts": "n1", "vars": given, "tasks": [task]}])) == Lint(), task


EXPRESSIONS = (
    "lookup('pipe', 'id')",
    "query('pipe', 'id')",
    "q('pipe', 'id')",
    "(q)('pipe', 'id')",
    "( q )  (  'pipe' , 'id' )",
    "q" + " " * 25 + "('pipe', 'id')",
    "q\n\n('pipe', 'id')",
    "[query][0]('pipe', 'id')",
    "(query,)[0]('pipe', 'id')",
    "{'a': q}.a('pipe', 'id')",
    "{'a': q}['a']('pipe', 'id')",
    "dict(a=q).a('pipe', 'id')",
    "dict(a=1)",
    "namespace(a=q).a('pipe', 'id')",
    "(q if true else q)('pipe', 'id')",
    "(x or q)('pipe', 'id')",
    "[q] | first",
    "q",
    "lookup",
    "[1] | map('lookup', 'pipe') | list",
    "['id'] | map('pipe') | list",
    "['/etc/passwd'] | map('file') | list",
    "['/etc/*'] | map('fileglob') | list",
    "['/etc/*'] | map(x) | list",
    "[1] | select('exists') | list",
    "[x] | selectattr('a', 'file') | list",
    "[x] | selectattr(x) | list",
    "[x] | map(attribute=x) | list",
    "[x] | map(attribute='__class__') | list",
    "[x] | map(attribute='a.__class__') | list",
    "[x] | groupby('a')",
    "'/etc/*' | fileglob",
    "'/etc/passwd' | unvault",
    "'/etc/passwd' is file",
    "'/etc/passwd' is exists",
    "'/etc' is directory",
    "'x' | password_hash('sha512')",
    "'/a' | realpath",
    "'~' | expanduser",
    "'$HOME' | expandvars",
    "x | attr('__class__')",
    "x.__class__.__mro__",
    "x['__class__']",
    "x['_' ~ '_class__']",
    "x | xmlattr",
    "x | pprint",
    "x | random",
    "x | regex_replace('(a+)+$', '')",
    "x is search(x)",
    "x is search('" + "a" * 300 + "')",
    "x is match(pattern=x)",
    "x | default(*x)",
    "x | default(**x)",
    "x.format(x)",
    "x.get(*x)",
    "x.get(default=q)",
    "x.get(q)",
    "x.get('a', lookup('pipe', 'id'))",
    "x.items()",
    "x.pop('a')",
    "'a'.join(x)",
    "cycler('a').next()",
    "joiner(',')()",
    "lipsum()",
    "range(10**9) | list",
    "now()",
    "undef()",
    "self",
    "loop",
    "caller()",
    "varargs",
    "hostvars",
    "hostvars | to_json",
    "hostvars['n2'].ansible_password",
    "vars",
    "vars['ansible_password']",
    "groups",
    "groups['all']",
    "group_names",
    "play_hosts",
    "playbook_dir",
    "inventory_dir",
    "inventory_file",
    "role_path",
    "environment",
    "template_fullpath",
    "ansible_password",
    "ansible_become_password",
    "ansible_ssh_private_key_file",
    "ansible_user",
    "ansible_host",
    "ansible_connection",
    "ansible_env",
    "ansible_facts",
    "ansible_facts | to_json",
    "ansible_facts['env']",
    "ansible_facts[x]",
    "ansible_facts.get('env')",
    "ansible_version",
    "ansible_playbook_python",
    "a_name_of_the_inventory",
    "omit ~ db_password",
    "'x' * 1000000000",
    "2 ** 1000000",
    "'%1000000000d' % 1",
    "'{{ hostvars }}'",
    "'{' ~ '{ hostvars }' ~ '}'",
    '"{% set a = 1 %}"',
    "'{' '{ hostvars }}'",
    "x if hostvars else x",
    "x[hostvars]",
    "x[q('pipe', 'id')]",
    "x[1:hostvars]",
    "{'a': hostvars}",
    "{hostvars: 1}",
    "[hostvars]",
    "(hostvars,)",
    "not hostvars",
    "-hostvars",
    "x ~ hostvars",
    "x in hostvars",
    "x == hostvars",
    "x | default(hostvars)",
    "x | default(x, boolean=hostvars)",
    "x | combine(hostvars)",
    "x is defined and hostvars",
    "x is sameas hostvars",
    "x is subset(hostvars)",
    "hostvars.n2.x | default('', true) | string | lower",
    "9" * 5000,
    "(" * 3000,
    "",
    "x }} {{ hostvars",
    "'",
)


@pytest.mark.parametrize("said", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_an_expression_that_calls_or_knows_more_than_the_play_is_refused_wherever_it_stands(said: str) -> None:
    play: dict[str, Any] = {"hosts": "n1", "vars": {"x": "1"}}
    tasks: list[dict[str, Any]] = [
        {"debug": {"msg": f"a {{{{ {said} }}}} b"}},
        {"debug": {"msg": f"a {{{{- {said} -}}}} b"}},
        {"copy": {"content": {"deep": [f"{{{{ {said} }}}}"]}, "dest": "/x"}},
        {"ping": {}, "vars": {"y": f"{{{{ {said} }}}}"}},
        {"ping": {}, "loop": f"{{{{ {said} }}}}"},
        {"debug": {"msg": f"{{% if {said} %}}x{{% endif %}}"}},
        {"debug": {"msg": f"{{% for y in {said} %}}x{{% endfor %}}"}},
        *({"ping": {}, word: said} for word in ("when", "changed_when", "failed_when", "until")),
        {"ping": {}, "when": ["x == '1'", said]},
        {"assert": {"that": [said]}},
        {"debug": {"var": said}},
    ]
    for task in tasks:
        assert lint(yaml.safe_dump([{**play, "tasks": [task]}], width=1000)).problems, task
    attachment = f"line\n{{{{ {said} }}}}\n"
    sha = hashlib.sha256(attachment.encode()).hexdigest()
    filled = yaml.safe_dump([{**play, "tasks": [{"template": {"src": f"files/{sha}", "dest": "/x"}}]}])
    assert lint(filled, files={sha: attachment}).problems


HEADER = """'#jinja2:variable_start_string:"[[",variable_end_string:"]]"\\n[[ lookup("pipe", "id") ]]'"""
ONCE_MORE_OR_BY_PLACE = (
    f"{HEADER} != 'a'",
    f"{HEADER} ~ x",
    f"x in [{HEADER}]",
    f"x == {{'a': {HEADER}}}.a",
    f"x | default({HEADER})",
    f"x is search({HEADER})",
    f"x.get({HEADER})",
    f"x if {HEADER} else x",
    "'#jin' 'ja2:x:1\\n1'",
    "x | from_json('cache_persistence')",
    "x | from_json('this.s')",
    "x | from_json(x)",
    "x | from_json(profile='cache_persistence')",
    "x | to_json('json.tool')",
    "x | to_json(x, x)",
    "x | to_nice_json(4)",
    "x | to_nice_json(4, true, 'json.tool')",
    "x | to_yaml(1)",
    "x | to_nice_yaml(4)",
    "[x] | map('from_json', 'cache_persistence') | list",
    "[x] | map('to_json', 'json.tool') | list",
    "[x] | map('sum', '__class__') | list",
    "[x] | map('join', ',', '__class__') | list",
    "[x] | sum('__class__')",
    "[x] | join(',', '__class__')",
    "[x] | sort(false, false, '__class__')",
    "[x] | sort(attribute='a,__class__')",
    "[x] | unique(false, '__class__')",
    "[x] | min(false, '__class__')",
    "[x] | max(false, '__class__')",
    "x | b64decode('rot13')",
    "x is version('1', '>=', true, 'x')",
    "[x] | select('version', '1', '>=', true) | list",
    "[x] | selectattr('a', 'version', '1', '>=', true) | list",
    "x | to_json(indent=100000000)",
    "x | to_json(indent=x)",
    "x | to_nice_yaml(indent=-1)",
    "[x] | map('to_json', indent=100000000) | list",
    "1 | round(1000000000, 'ceil')",
    "1 | round(1000000000)",
    "1 | round(-1000000000)",
    "[1] | map('round', 1000000000) | list",
)
EXPRESSIONS += ONCE_MORE_OR_BY_PLACE

STATEMENTS = (
    "{% set l = q %}{{ l('pipe', 'id') }}",
    "{% set x %}{{ 1 }}{% endset %}",
    "{% macro m(a=q) %}{{ a('pipe', 'id') }}{% endmacro %}{{ m() }}",
    "{% call(x) q('pipe', 'id') %}{% endcall %}",
    "{% filter fileglob %}/etc/*{% endfilter %}",
    "{% with l = q %}{{ l('pipe', 'id') }}{% endwith %}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as p %}",
    "{% from '/etc/passwd' import p %}",
    "{% extends '/etc/passwd' %}",
    "{% block b %}{% endblock %}",
    "{% raw %}{{ lookup('pipe', 'id') }}{% endraw %}",
    "{% do x.append(1) %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% for a in x recursive %}{{ loop(a) }}{% endfor %}",
    "{% for hostvars in x %}{% endfor %}{{ hostvars }}",
    "{% for a in x %}{% endfor %}{{ a }}",
    "{% for x.y in x %}{% endfor %}",
    "{% for a in x %}{{ loop.cycle(1, 2) }}{% endfor %}",
    "{% for a in x if hostvars %}{% endfor %}",
    "{% for a in x %}{% else %}{{ hostvars }}{% endfor %}",
    "{% if x %}{% elif hostvars %}{% endif %}",
    "{% if x %}{% else %}{{ hostvars }}{% endif %}",
    "{% if x %}",
    "{{ x",
    "{% x",
    "{# x",
    "#jinja2: variable_start_string:'[['\n[[ lookup('pipe', 'id') ]]",
    "{%" * 30_000,
    "{{ q" * 15_000,
    "{{" * 100_000,
    "{{ x }}" * 10_000,
    "{{ x" + ".a" * 6000 + " }}",
    "{{ x " + "~ x " * 6000 + "}}",
    "{% if x %}" * 2000,
)


@pytest.mark.parametrize("said", STATEMENTS, ids=range(len(STATEMENTS)))
def test_a_template_is_output_if_and_for_and_nothing_else(said: str) -> None:
    assert lint(yaml.safe_dump([{"hosts": "n1", "vars": {"x": "1"}, "tasks": [{"debug": {"msg": said}}]}])).problems
    assert lint(yaml.safe_dump([{"hosts": "n1", "vars": {"x": said}, "tasks": []}])).problems
    sha = hashlib.sha256(said.encode()).hexdigest()
    task = {"template": {"src": f"files/{sha}", "dest": "/x"}, "vars": {"x": "1"}}
    assert lint(a_task(**task), files={sha: said}).problems


def test_an_unsafe_text_is_a_literal_where_values_stand_and_judged_where_conditions_stand() -> None:
    assert not lint(HEAD + "[{copy: {content: !unsafe \"{{ lookup('pipe', 'id') }}\", dest: /x}}]").problems
    assert lint(HEAD + "[{ping: {}, when: !unsafe \"lookup('pipe', 'id')\"}]").problems
    assert lint(HEAD + "[{copy: {src: !unsafe /etc/passwd, dest: /x}}]").problems
    assert lint(HEAD + "[{ping: {}, loop: !unsafe \"{{ lookup('pipe', 'id') }}\"}]").problems


def test_a_name_is_known_where_it_is_declared_and_not_elsewhere() -> None:
    use = {"debug": {"msg": "{{ secret }}"}}
    for elsewhere in ({"ping": {}, "vars": {"secret": 1}}, {"block": [{"ping": {}}], "vars": {"secret": 1}}):
        assert lint(yaml.safe_dump([{"hosts": "n1", "tasks": [elsewhere, use]}])).problems
    two = [{"hosts": "n1", "vars": {"secret": 1}, "tasks": []}, {"hosts": "n1", "tasks": [use]}]
    assert lint(yaml.safe_dump(two)).problems
    for said in ({"ping": {}, "register": "secret"}, {"set_fact": {"secret": 1}}):
        assert not lint(yaml.safe_dump([{"hosts": "n1", "tasks": [said, use]}])).problems


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
        ("{evil.thing.module: [x]}", "no collection"),
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


PIECES = (
    *(
        "- hosts: n1\n",
        "  tasks:\n",
        "  - ",
        "    ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "\n",
        "'",
        '"',
        "|",
        ">",
        "&a",
        "*a",
        "!x ",
    ),
    *(
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "q(",
        ")",
        "lookup",
        "hostvars",
        "x",
        "~",
        "| ",
        "map('",
        "file",
        "\\",
        "\0",
        "\u2028",
    ),
    *("ansible.builtin.copy", "src", "/etc/passwd", "debug", "msg", "when", "shell", "delegate_to", "vars", "loop"),
)


def _mutated(chance: random.Random) -> Iterator[str]:
    lines = GOOD.splitlines(keepends=True)
    while True:
        text = "".join(lines if chance.random() < 0.8 else chance.choices(PIECES, k=chance.randrange(60)))
        for _ in range(chance.choice((1, 1, 2))):
            at = chance.randrange(len(text) + 1)
            text = (
                text[:at]
                + chance.choice(PIECES if chance.random() < 0.7 else ("x", "1", ""))
                + text[at + chance.choice((0, 0, 1, 7)) :]
            )
        yield text


class _Blind(yaml.SafeLoader):
    """Reads what passed, without the gate's own rules."""


_Blind.add_constructor("!unsafe", lambda loader, node: "")


def test_garbage_never_raises_and_what_passes_holds_nothing_off_the_list() -> None:
    chance = random.Random(8)
    texts = _mutated(chance)
    passed = 0
    for _ in range(400):
        text = next(texts)
        if lint(text).problems:
            continue
        passed += 1
        for play in yaml.load(text, Loader=_Blind):
            assert play["hosts"] == "n1"
            flat = yaml.safe_dump(play)
            assert "delegate_to:" not in flat
            tasks = [t for part in ("pre_tasks", "tasks", "handlers") for t in play.get(part) or ()]
            for task in [*tasks, *(inner for t in tasks for inner in (*t.get("block", ()), *t.get("rescue", ())))]:
                assert not {"shell", "ansible.builtin.shell", "command"} & set(task)
                for arguments in task.values():
                    if isinstance(arguments, dict) and arguments.get("remote_src") is not True and "src" in arguments:
                        assert arguments["src"] == f"files/{SHA}"
            braces = [part.partition("}}")[0] for part in flat.split("{{")[1:]]
            assert not any(word in part for part in braces for word in ("hostvars", "lookup", "q(", "fileglob"))
    assert passed > 15  # the judge lets something through, or this shows nothing


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
