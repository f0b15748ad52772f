"""The files of remedies are read strictly: what the docs show is good, and each bad one is refused with its line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from action_rig import a_proposal
from remedy_events import SHIPPED, event_for, proposal_for
from remedy_rig import GOOD

from mesh_core.actions.remedies import action
from mesh_core.actions.remedies.loader import MAX_BYTES, BadRemedy, read_remedy
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.playbook_lint import OURS, lint_text
from mesh_core.policy.playbook_lint.table import table


def test_the_example_of_the_docs_is_a_remedy_whose_playbooks_pass_the_lint() -> None:
    page = (Path(__file__).parents[3] / "docs" / "remedies.md").read_text()
    text, undo = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    stopped = re.sub(r"(?s)undo:\n.*(?=limits:)", undo, SHIPPED.joinpath("unit_start.yml").read_text())
    assert action.action_of("unit_start", read_remedy(stopped.encode(), "unit_start.yml")).undoes_by_itself
    made = action.action_of("scratch_clean", read_remedy(text.encode(), "scratch_clean.yml"))
    found = {"disk": {"mount": "/srv"}}
    event = event_for("journal_vacuum", payload={"mount": "/srv", "used_percent": 93.5, "investigation": found})
    assert made.choice is not None
    assert made.choice.unmet(event) == ""
    plays = made.playbooks(proposal := proposal_for("journal_vacuum", payload=event.payload))
    for text in (plays.apply, plays.look, plays.converge):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text
    assert made.touches(proposal).endswith("on n1; /srv is 93.5 % full; what is older than 7 days goes")


def test_the_file_that_the_bad_ones_are_made_of_is_good() -> None:
    assert read_remedy(GOOD.encode(), "good.yml").params["days"].value_in(event_for("journal_vacuum")) == 7


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("risk: low", "risk: low\ncolour: red", "bad.yml:11: colour: no such key"),
        ("risk: low", "risc: low", "bad.yml:10: risc: no such key; take it out or correct its spelling"),
        ("interrupts: false", "interrupts: perhaps", "bad.yml:11: interrupts: should be true or false"),
        (
            "risk: low",
            "risk: low\ntranslations: {de: {title: abc, explain: abc}}",
            "translations.de: should",
        ),
        ("risk: low", "risk: low\ntranslations: {pl: {title: abc}}", "bad.yml:11: translations.pl.explain: is missing"),
        (
            "risk: low",
            "risk: low\ntranslations: {pl: {title: 'a {days}', explain: abc}}",
            "bad.yml:11: translations.pl.title: {days} is not known here",
        ),
        ("interrupts: false", "interrupts: 'no'", "bad.yml:11: interrupts: should be true or false"),
        ("interrupts: false", "interrupts: 0", "bad.yml:11: interrupts: should be true or false"),
        ("risk: low", "risk: low\nnever: [datastor]", "bad.yml:11: never.0: should be 'down', 'unhealthy', "),
        ("risk: low", "risk: none at all", "bad.yml:10: risk: should be"),
        ("title: empties", 'title: "{{ empties }}"\n#', "bad.yml:1: title: a template may stand in tasks only"),
        ("explain: empty", "explain: '{% if %}'\n#", "bad.yml:2: explain: a template"),
        ("default: 7", "default: 70", "bad.yml:9: params.days.integer: default is 70, which is not within 1 to 30"),
        ("default: 7", "default: '7'", "bad.yml:9: params.days.integer.default: should be a whole number"),
        (", default: 7", "", "bad.yml:9: params.days.integer: it has neither from nor default"),
        ("min: 1, max: 30", "min: 40, max: 30", "bad.yml:9: params.days.integer: min is 40 and max 30; exchange them"),
        ("type: mount", "type: path", "bad.yml:8: params.mount.path.under: is missing; write it"),
        ("type: mount", "type: path, under: [srv]", "params.mount.path.under.0: 'srv' is no folder below /; write its"),
        ("type: mount", "type: path, under: [/]", "bad.yml:8: params.mount.path.under.0: '/' is no folder below /"),
        ("type: mount", "type: path, under: [/srv/../etc]", "params.mount.path.under.0: '/srv/../etc' is no folder"),
        (
            "from: payload.mount",
            "from: disc.mount",
            "bad.yml:8: params.mount.mount.from: 'disc.mount': no agent looks up disc",
        ),
        ("from: payload.mount", "from: the log", "bad.yml:8: params.mount.mount.from: 'the log' is neither room.fact"),
        (
            "payload.mount",
            "payload.mont",
            "bad.yml:8: params.mount.mount.from: 'payload.mont': no agent tells payload.mont; 'mont' looks",
        ),
        (
            "disk.used_percent: {",
            "disk.used_precent: {",
            "bad.yml:6: when.needs.disk.used_precent: 'disk.used_precent': disk has no ",
        ),
        ("disk.used_percent: {", "dsk.used_percent: {", "'dsk' looks like disk"),
        (
            "{at_least: 80}",
            "{same_as: memory.holders.0.percnt}",
            "bad.yml:6: when.needs.disk.used_percent.same_as: 'memory.holders.0.percnt': a row",
        ),
        (
            "types: [scratch_full]",
            "types: [disk_space_lo]",
            "bad.yml:4: when.types.0: no agent of ours tells 'disk_space",
        ),
        ("risk: low", "never: [runing]\nrisk: low", "'runing' looks like running"),
        (", from: payload.mount", "", "bad.yml:8: params.mount.mount.from: is missing; write it"),
        ("at_least: 80", "at_least: -1", "bad.yml:6: when.needs.disk.used_percent.at_least: should be at least 0"),
        ("types: [scratch_full]", "types: []", "bad.yml:4: when.types: has too few entries, the least is 1"),
        ("used_percent < 90", "'{{ used_percent }} < 90'", "bad.yml:23: proof: should match pattern"),
        *(
            ("proof: used_percent < 90", f"proof: {proof}", "bad.yml:23: proof: it names no number of the look, so it ")
            for proof in ("'true'", "days > 3", "\"'used_percent' != 'x'\"", "space.used_percent < 90")
        ),
        (
            "limits:",
            "undo: {by_itself: true, proof: 'true', tasks: []}\nlimits:",
            "bad.yml:25: undo.tasks: has too few",
        ),
        (
            "limits:",
            "undo: {by_itself: true, proof: 'true', tasks: [{ansible.builtin.command: {argv: [ls]}}]}\nlimits:",
            "bad.yml:25: undo.proof: it names no number of the look",
        ),
        ("{days} days", "{days days", "bad.yml:19: estimate: a brace is left over; a number is written as {name}"),
        ("{days} days", "{weeks} weeks", "bad.yml:19: estimate: {weeks} is not known here; it may name days, disk."),
        ('shows: "{mount}', 'shows: "{free_kib}', "bad.yml:24: shows: {free_kib} is not known here"),
        ("title: empties", "title: empties {days}", "bad.yml:1: title: {days} is not known here; it is a plain text"),
        ("register: space", "register: days", "bad.yml:9: params.days: a number or what a task registers"),
        ("  days: {type", "  words: {type", "bad.yml:9: params.words: this name means something else"),
        ("  days: {type", "  mend_before: {type", "bad.yml:9: params.mend_before: this name means something else"),
        ("argv: [df,", "argv: [rm,", "bad.yml:14: look.tasks.0: a look may not run rm; what only prints is"),
        (
            "argv: [df,",
            "argv: [timeout, 5, rm,",
            "bad.yml:14: look.tasks.0: a look may not run rm; what only prints is",
        ),
        *(
            (
                'argv: [df, -P, -k, --, "{{ mount }}"]',
                f"argv: [{words}]",
                f"look.tasks.0: a look may not run {said}",
            )
            for words, said in (
                (
                    "journalctl, --disk-usage, \"{{ '--vacuum-size=1M' }}\"",
                    "journalctl with {{ '--vacuum-size=1M' }}, which",
                ),
                ("ss, \"{{ mount | replace('/srv', '-K') }}\"", "ss with {{ mount | replace("),
                ("nginx, -t, '{% if true %}-s{% endif %}', stop", "nginx with {% if true %}"),
            )
        ),
        ("argv: [df,", "argv: [timeout, --foreground, 5, df,", "look.tasks.0: a look may not run timeout; what only"),
        ("argv: [df,", "argv: [timeout, --signal=KILL, 5, systemctl, stop,", "a look may not run systemctl stop; it"),
        (
            "argv: [df,",
            "argv: [systemctl, stop,",
            "bad.yml:14: look.tasks.0: a look may not run systemctl stop; it may",
        ),
        *(
            ("[df, -P, -k, --, ", f"[{words}, ", f"bad.yml:14: look.tasks.0: a look may not run {said}; it may take ")
            for words, said in (
                ("journalctl, --disk-usage, --vacuum-size=1M", "journalctl with --vacuum-size=1M"),
                ("ss, -tK", "ss with -tK"),
                ("ss, --kill", "ss with --kill"),
                ("systemctl, show, -H, elsewhere", "systemctl with -H"),
                ("timedatectl, show, --host=elsewhere", "timedatectl with --host=elsewhere"),
            )
        ),
        (
            "{argv: [df, -P, -k, --, ",
            '{argv: ["{{ mount }}", ',
            "bad.yml:14: look.tasks.0: ansible.builtin.command takes",
        ),
        ('{argv: [df, -P, -k, --, "{{ mount }}"]}', "df -P", "bad.yml:14: look.tasks.0: ansible.builtin.command: say"),
        (
            "ansible.builtin.command: {argv: [df",
            "ansible.builtin.shell: {cmd: [df",
            "may not use ansible.builtin.shell, which",
        ),
        (
            "    - name: See",
            "    - delegate_to: b\n      name: See",
            "bad.yml:14: look.tasks.0: a task has one module and of",
        ),
        (
            "    ansible.builtin.command: {argv: [rm",
            "    command: {argv: [rm",
            "bad.yml:21: apply.0: command is no full name",
        ),
        ("limits:", "undo: {by_itself: true}\nlimits:", "bad.yml:25: undo.tasks: is missing; write it"),
        (
            "limits:",
            "undo: {tasks: [{ansible.builtin.command: {argv: [ls]}}]}\nlimits:",
            "bad.yml:25: undo.by_itself: is missing",
        ),
        ("limits:", "undo: {by_itself: true, tasks: [{name: x}]}\nlimits:", "bad.yml:25: undo.tasks.0: a task has one"),
        ("  days: {type", "  before_used_percent: {type", "bad.yml:9: params.before_used_percent: a number or what a"),
        ("limits: {seconds: 60}", "limits: {seconds: 6000}", "bad.yml:25: limits.seconds: should be at most"),
        ("risk: low", "risk: low\nrisk: high", "bad.yml:11: risk stands there twice"),
        ("types: [scratch_full]", "types: &t [scratch_full, *t]", "it uses an alias"),
        ("title: empties", "title: [", "bad.yml:"),
        (GOOD, "- a list", "bad.yml:1: "),
        (GOOD, "", "bad.yml:1: "),
        (GOOD, "a: 1\n---\nb: 2\n", "not YAML: expected a single document"),
        (GOOD, "!!python/object:os.system x", "not YAML: could not determine a constructor"),
        (GOOD, "[" * 60_000, "bad.yml:1: not YAML: nested deeper than 100"),
        (GOOD, "#" * (MAX_BYTES + 1), "it has more than"),
        (GOOD, "\x00", "not YAML"),
        (GOOD, "", "bad.yml:1: write it as a mapping, each line KEY: VALUE"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_its_line_and_what_to_do(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(BadRemedy) as refused:
        read_remedy(GOOD.replace(old, new, 1).encode(), "bad.yml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        *((path, True) for path in ("/srv/cache/a", "/srv/cache/a b/c.log", "/var/tmp/x")),
        *((path, False) for path in ("/srv/cache", "/srv/cache/", "/srv/cache2/a", "/srv/cache/../etc", "/etc/passwd")),
        *(
            (path, False)
            for path in ("srv/cache/a", "/srv/cache/{{ x }}", "/srv/cache/a\nb", "", None, 7, ["/srv/cache/a"])
        ),
    ],
)
def test_a_path_is_one_below_the_folders_that_its_author_allows(given: object, fits: bool) -> None:
    allowed = "type: path, under: [/srv/cache, /var/tmp]"
    param = read_remedy(GOOD.replace("type: mount", allowed).encode(), "a.yml").params["mount"]
    assert param.fitting(param.example) == param.example
    assert param.value_in(event_for("journal_vacuum", payload={"mount": given})) == (given if fits else None)


def test_text_that_looks_like_a_template_stays_text_in_what_runs() -> None:
    remedy = read_remedy(
        GOOD.replace("type: mount, from: payload.mount", "type: unit, from: event.service").encode(), "unit.yml"
    )
    made = replace(action.action_of("scratch", remedy))
    for service, fits in (("nginx", True), ("wg-quick@wg0.service", True), ("a{{ b }}", False)):
        try:
            event = HealthEvent(id="n1/1-0", type="scratch_full", node="n1", service=service, trust=Trust.NODE)
        except ValueError:
            assert not fits  # a service's name has its own pattern
            continue
        text = made.playbooks(a_proposal("scratch", service).model_copy(update={"event": event})).look
        assert f"!unsafe '{service}'" in text
        assert yaml.safe_load(text.replace("!unsafe ", ""))[0]["vars"]["mount"] == service
