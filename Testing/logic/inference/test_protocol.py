"""What is said to a worker and by it: options, lines, and the sentences for what stopped it."""

from __future__ import annotations

import pytest

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Failure, Notice, Progress, Result, decode, encode
from CalcScoreLogic.inference.worker.__main__ import explain


def test_messages_survive_the_line() -> None:
    messages = [
        Progress("territories", 0.5, 3.2, 1, 5, 2, 7),
        Notice("ä"),
        Failure("internal", 'a "quoted" text'),
        Result({"territories": "t.nii.gz"}, {"territories": ["a"]}, {"device": "cpu"}),
    ]
    assert [decode(encode(message)) for message in messages] == messages
    assert all("\n" not in encode(message) for message in messages)


@pytest.mark.parametrize("line", ["", "hello", "{}", '{"type": "other"}', '{"type": "notice"}', "[1]", "3", "{"])
def test_what_is_no_message_is_passed_over(line: str) -> None:
    assert decode(line) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), "bad_input"),
        (ImportError("no torch", name="torch"), "missing_package"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (OSError(28, "No space left on device"), "disk_full"),
        (ValueError("odd\nthing"), "internal"),
    ],
)
def test_every_error_has_a_code_and_one_sentence(error: Exception, code: str) -> None:
    failure = explain(error)
    assert failure.code == code
    assert "\n" not in failure.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": ()}, "different numbers"),
        ({"folds": (1, 1)}, "different numbers"),
        ({"folds": (-1,)}, "from 0 on"),
        ({"step_size": 0}, "0.1 to 1"),
        ({"step_size": 1e-9}, "0.1 to 1"),
        ({"step_size": float("nan")}, "0.1 to 1"),
        ({"step_size": 1.5}, "0.1 to 1"),
        ({"threads": 0}, "1 to 1024"),
        ({"threads": 100_000_000}, "1 to 1024"),
        ({"device": "tpu"}, "choose one of"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        InferenceOptions(**options)
