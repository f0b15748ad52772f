"""Which loop stands still, and that a process which was stopped as a whole accuses none of its loops."""

from __future__ import annotations

from mesh_core.runtime.pulse import TICK_SECONDS, Pulse


def test_a_loop_that_does_not_get_on_is_named_until_it_does() -> None:
    pulse = Pulse()
    good, bad = pulse.watch("reading"), pulse.watch("the scan", 10)
    for _ in range(5):
        good()
        assert pulse.tick() == ""
    good()
    assert pulse.tick() == "the scan has not got on for 12 s"
    bad()
    assert pulse.tick() == ""
    for _ in range(40):
        said = pulse.tick()
    assert said.startswith("reading has not got on for ")
    assert "the scan has not got on" in said


def test_what_rests_is_late_for_nothing_and_trouble_is_said_without_a_late_loop() -> None:
    pulse = Pulse()
    pulse.watch("recovery", 2 * TICK_SECONDS)
    pulse.rest("recovery")
    pulse.rest("recovery")
    assert [pulse.tick() for _ in range(9)] == [""] * 9
    pulse.trouble = "standing by, and nobody works"
    assert pulse.tick() == "standing by, and nobody works"
