"""Recipes are read as strictly as remedies, and what each shipped one runs passes the lint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh_core.actions.register import SHIPPED
from mesh_core.actions.remedies.loader import BadRemedy, read_any
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.recipe_tasks import example_tasks, places_in, tasks_of
from mesh_core.actions.remedies.slot_values import SlotType, example_of, value_of
from mesh_core.policy.playbook_lint import lint_recipe

GOOD = """\
title: writes an alias
explain: write an alias
ask:
  words: {en: [alias]}
  ways:
    - words: {en: [add], ko: [추가]}
      sets: {state: present}
  slots:
    alias: {type: name, question: {en: Whose is it?}}
    port: {type: port, optional: true}
apply:
  - name: "Alias {alias}"
    ansible.builtin.lineinfile: {path: /etc/aliases, line: "{alias}: {port.number}", state: "{state}"}
risk: low
"""


def good() -> Recipe:
    made = read_any(GOOD.encode(), "good.yml")
    assert isinstance(made, Recipe)
    return made


def test_a_stem_of_one_recipe_takes_no_word_of_another() -> None:
    """Else a sentence with that word can mean two things: "kont*" of accounts took the Polish containers."""
    said = {
        (name, code, word)
        for name, recipe in SHIPPED.asked_for.items()
        for named in (recipe.ask.words, *(way.words for way in recipe.ask.ways))
        for code, words in named.items()
        for word in words
        if " " not in word
    }
    stems = [(name, code, word[:-1]) for name, code, word in said if word.endswith("*")]
    taken = [
        (stem, word)
        for name, code, stem in stems
        for other, in_code, word in said
        if other != name and in_code == code and word != f"{stem}*" and word.rstrip("*").startswith(stem)
    ]
    assert len(stems) > 10
    assert taken == []


@pytest.mark.parametrize("name", SHIPPED.recipes)
def test_what_a_shipped_recipe_runs_passes_the_gate_and_leaves_no_place_unfilled(name: str) -> None:
    recipe = SHIPPED.recipes[name]
    assert lint_recipe(recipe).problems == ()
    made = list(example_tasks(recipe))
    assert len(made) == len(recipe.ask.ways)
    assert not list(places_in(made))
    for slot in recipe.ask.slots.values():
        asked = {*slot.question}
        assert asked in (set(), {"en", "ko", "pl", "de", "fr", "es"}), f"{name}: {asked}"


def test_a_value_enters_as_it_is_and_what_nobody_said_is_left_out() -> None:
    recipe = good()
    (way,) = recipe.ask.ways
    (task,) = tasks_of(recipe, way, {"alias": "{port.number} {{ x }}", "port": {"number": "25"}})
    assert task["ansible.builtin.lineinfile"]["line"] == "{port.number} {{ x }}: 25"
    (task,) = tasks_of(recipe, way, {"alias": "anna"})
    assert task == {"name": "Alias anna", "ansible.builtin.lineinfile": {"path": "/etc/aliases", "state": "present"}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ask:\n", "when: {types: [x]}\nask:\n", "bad.yml:3: when: no such key; take it out"),
        ("  ways:", "  wais:", "bad.yml:5: ask.wais: no such key"),
        ("type: name,", "type: nam,", "bad.yml:9: ask.slots.alias.type: "),
        ("question: {en: Whose is it?}", "many: each", "bad.yml:9: ask.slots.alias: say under question.en what to"),
        ("optional: true", "default: http", "bad.yml:10: ask.slots.port: default is 'http', which is no port"),
        ("optional: true", "optional: true, needs_label: true", "bad.yml:10: ask.slots.port: it needs a label"),
        ("{alias}: {port.number}", "{alias}: {port}", "bad.yml:6: ask.ways.0: {port} is not known in its tasks; they"),
        ("{alias}: {port.number}", "{alia}: x", "{alia} is not known in its tasks; they may name alias, port.number"),
        ("{alias}: {port.number}", "{{ alias }}", "bad.yml:12: apply.0: a recipe's tasks hold no template; write"),
        ("ansible.builtin.lineinfile", "lineinfile", "bad.yml:12: apply.0: lineinfile is no full name"),
        ("[add], ko: [추가]", "['a  b']", "bad.yml:6: ask.ways.0.words.en.0: "),
        ("{en: [add], ko: [추가]}", "{}", "bad.yml:6: ask.ways.0: it has no words; write the verbs"),
        ("{en: [add], ko: [추가]}", "{xx: [add]}", "bad.yml:6: ask.ways.0.words.xx"),
        ("sets: {state: present}", "sets: {state: present}\n      needs: [x]", "ask.ways.0.needs: x is no slot with"),
        ("type: name,", "type: choice,", "bad.yml:9: ask.slots.alias: a choice has two values or more; write them"),
        (
            "type: name,",
            "type: choice, values: {up: {en: [high]}, down: {ko: [High]}},",
            "bad.yml:9: ask.slots.alias: values: 'high' is said for two of them; leave it to one",
        ),
        ("type: name,", "type: name, values: {a: {}, b: {}},", "ask.slots.alias: values are those of a choice, and"),
        ("  words: {en", "  one_of: [[port]]\n  words: {en", "bad.yml:4: ask.one_of: port is no slot with a question"),
    ],
)
def test_a_bad_recipe_is_refused_with_its_line_and_what_to_do(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(BadRemedy) as refused:
        read_any(GOOD.replace(old, new, 1).encode(), "bad.yml")
    assert said in str(refused.value)


def test_a_choice_is_one_of_its_values_by_any_word_for_it() -> None:
    slot = SHIPPED.recipes["firewall"].ask.slots["rule"]
    said = {text: slot.value_in(text) for text in ("allow", "OPEN", "차단", "offen", "perhaps", "{{ x }}", "")}
    assert said == {"allow": "allow", "OPEN": "allow", "차단": "deny", "offen": "allow"} | dict.fromkeys(
        ("perhaps", "{{ x }}", "")
    )
    assert slot.example == "allow"


def test_an_own_recipe_stands_in_for_a_shipped_one_and_never_for_a_remedy() -> None:
    mine = good().model_copy(update={"replaces": "package"})
    register = SHIPPED.with_own({"mine": mine}, {})
    assert "package" not in register.asked_for
    assert register.asked_for["mine"] is mine
    wrong = SHIPPED.with_own({"mine": good().model_copy(update={"replaces": "tmp_clean"})}, {})
    assert "one has ask and the other has when" in wrong.refused["mine.yml"]
    assert replace(wrong, refused={}).recipes.keys() == SHIPPED.recipes.keys()


@pytest.mark.parametrize("kind", SlotType)
def test_each_type_has_an_example_and_takes_no_template_and_no_line(kind: SlotType) -> None:
    assert example_of(kind) is not None
    for bad in ("", "{{ x }}", "a\x00b", "x" * 3000, "{% raw %}"):
        assert value_of(kind, bad) is None, bad


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SlotType.PORT, "443/tcp", {"number": "443", "protocol": "tcp"}),
        (SlotType.PORT, "70000", None),
        (SlotType.PATH, "/etc/../etc/shadow", None),
        (SlotType.USER, "-rf", None),
        (SlotType.PACKAGE, "python3.11", "python3.11"),
        (SlotType.PACKAGE, "nginx.service", None),
        (
            SlotType.SCHEDULE,
            "*/15 * * * *",
            {"minute": "*/15", **dict.fromkeys(("hour", "day", "month", "weekday"), "*")},
        ),
        (SlotType.REPOSITORY, "git@example.org:a/b.git", "git@example.org:a/b.git"),
        (SlotType.SYSCTL_KEY, "vm.swappiness", "vm.swappiness"),
        (SlotType.SYSCTL_KEY, "nginx.conf", None),
    ],
)
def test_a_value_fits_its_type_or_is_none(kind: SlotType, text: str, value: object) -> None:
    assert value_of(kind, text) == value
