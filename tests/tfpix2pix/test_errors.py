import subprocess
import sys

import pytest

from tfpix2pix.errors import InputError, reported

PROGRAM = """
from tfpix2pix.errors import InputError, reported
with reported():
    raise {error}
"""


@pytest.mark.parametrize(
    ("error", "status", "end"),
    [
        ('InputError("Use 2 or more.")', 1, "error: Use 2 or more.\n"),
        ('ValueError("ours")', 1, "ValueError: ours\n"),
    ],
)
def test_a_program_ends_with_the_message_of_an_input_error_alone(error, status, end):
    program = [sys.executable, "-c", PROGRAM.format(error=error)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert ended.stderr.endswith(end)
    assert ("Traceback" in ended.stderr) == ("InputError" not in error)


def test_without_an_error_the_program_goes_on():
    with reported():
        number = 3
    assert number == 3
    with pytest.raises(SystemExit, match=r"^error: no$"), reported():
        raise InputError("no")


@pytest.mark.parametrize(
    ("reason", "rule", "cure"),
    [
        (
            "No space left on device",
            "There must be room where a program writes.",
            "Make room, and start the same command again.",
        ),
        (
            "Read-only file system",
            "A program must be allowed to read and write the files and folders that it is given.",
            "Change their permissions, or name others.",
        ),
    ],
)
def test_a_disk_that_may_not_be_written_ends_a_program_in_one_sentence(reason, rule, cure):
    with pytest.raises(SystemExit) as error, reported():
        raise OSError(28, reason, "out/1.png")
    assert str(error.value) == (f"error: {rule} Received: [Errno 28] {reason}: 'out/1.png'. {cure}")
