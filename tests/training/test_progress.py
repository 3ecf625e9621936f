"""Long work tells how far it has come, on a terminal and in a log."""

import pytest

from training.progress import ConsoleReporter


def test_a_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ConsoleReporter(seconds_between_lines=0)

    reporter.say("400 items [bold]")
    with reporter.step("encoding", 4) as advance:
        advance(1)
        advance(3, "nearly there")

    lines = capsys.readouterr().err.splitlines()
    assert lines == ["400 items [bold]", "encoding: 1 of 4", "encoding: 4 of 4, nearly there", "encoding: done in 0 s"]
