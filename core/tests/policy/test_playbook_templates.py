"""Templates: what an expression may call and know, and which names are known where."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from lint_rig import HEAD, a_task, lint, playbook

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
        assert lint(playbook({**play, "tasks": [task]})).problems, task
    attachment = f"line\n{{{{ {said} }}}}\n"
    sha = hashlib.sha256(attachment.encode()).hexdigest()
    filled = playbook({**play, "tasks": [{"template": {"src": f"files/{sha}", "dest": "/x"}}]})
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
    assert lint(playbook({"hosts": "n1", "vars": {"x": "1"}, "tasks": [{"debug": {"msg": said}}]})).problems
    assert lint(playbook({"hosts": "n1", "vars": {"x": said}, "tasks": []})).problems
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
        assert lint(playbook({"hosts": "n1", "tasks": [elsewhere, use]})).problems
    two = [{"hosts": "n1", "vars": {"secret": 1}, "tasks": []}, {"hosts": "n1", "tasks": [use]}]
    assert lint(playbook(*two)).problems
    for said in ({"ping": {}, "register": "secret"}, {"set_fact": {"secret": 1}}):
        assert not lint(playbook({"hosts": "n1", "tasks": [said, use]})).problems
