"""Which line of a log says what went wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rqd.runner.error_line import LINE_BYTES_MAX, TAIL_BYTES, error_line, read_error_line

PYTHON = """Loading scene
Traceback (most recent call last):
  File "/jobs/render.py", line 12, in <module>
    main()
  File "/jobs/render.py", line 8, in main
    raise RuntimeError("texture cache is stale")
RuntimeError: texture cache is stale
"""

CHAINED = """Traceback (most recent call last):
  File "a.py", line 2, in load
    return table[name]
KeyError: 'beauty'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 9, in <module>
    load("beauty")
studio.errors.PassMissing: no pass "beauty" in shot 010
cleaning up
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PYTHON, "RuntimeError: texture cache is stale"),
        (CHAINED, 'studio.errors.PassMissing: no pass "beauty" in shot 010'),
        ('Traceback (most recent call last):\n  File "x", line 1\n    x\nKeyboardInterrupt\n', "KeyboardInterrupt"),
        ("[job] Traceback (most recent call last):\n[job]   File x\n[job] ValueError: 3\n", "ValueError: 3"),
        (
            "00:00:01   512MB         | loading plugins\n"
            "00:00:02   640MB ERROR   | [texturesys] could not open /tex/wood.tx\n"
            "00:00:02   640MB         | render done\n",
            "00:00:02 640MB ERROR | [texturesys] could not open /tex/wood.tx",
        ),
        (
            "mantra: Reading scene\nmantra: Unable to load geometry file '/geo/rock.bgeo'\nmantra: exiting\n",
            "mantra: Unable to load geometry file '/geo/rock.bgeo'",
        ),
        (
            "Blender 4.1.0\nRead blend: /jobs/a.blend\n"
            "Error: Cannot read file '/jobs/a.blend': No such file or directory\n"
            "\nBlender quit\n",
            "Error: Cannot read file '/jobs/a.blend': No such file or directory",
        ),
        (
            "Nuke 15.0v4\nWriting /out/a.0001.exr\n"
            "Read1: /plates/a.0001.exr: No such file or directory\nFrame 1 (1 of 1)\n",
            "Read1: /plates/a.0001.exr: No such file or directory",
        ),
        (
            "ffmpeg version 6.1\n  configuration: --enable-gpl\n"
            "[image2 @ 0x55d] Could find no file with path 'a.%04d.png'\n"
            "a.%04d.png: No such file or directory\n",
            "a.%04d.png: No such file or directory",
        ),
        ("/bin/sh: 1: arnold: not found\n", "/bin/sh: 1: arnold: not found"),
        (
            "bash: line 1: 4242 Segmentation fault      (core dumped) render\n",
            "bash: line 1: 4242 Segmentation fault (core dumped) render",
        ),
        ("run.sh: line 3: SHOT: unbound variable\n", "run.sh: line 3: SHOT: unbound variable"),
        (
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
            "terminate called after throwing an instance of 'std::bad_alloc'",
        ),
        ("Fatal: license server lic01 does not answer\nbye\n", "Fatal: license server lic01 does not answer"),
        (
            "warning: normals are missing\n0 errors, 1 warning\nwrite /out/a.exr: Permission denied\n",
            "write /out/a.exr: Permission denied",
        ),
        ("checked: no errors\nerrors: 0\nprogress 50%\nprogress 99%\n\n", "progress 99%"),
        ("10%\r50%\rError: disk is gone\r", "Error: disk is gone"),
        ("\x1b[31;1mERROR\x1b[0m shader \x07'glass' failed\n", "ERROR shader 'glass' failed"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_the_line_that_tells(text: str, expected: str) -> None:
    """An uncaught exception of Python, else the first line that speaks of a fault, else the last that says anything."""
    assert error_line(text) == expected


def test_a_line_is_short_and_printable() -> None:
    """At most 200 bytes, cut between characters; what cannot be printed is a blank."""
    found = error_line("error: " + "ü" * 300 + "\n")
    assert len(found.encode()) in (LINE_BYTES_MAX - 1, LINE_BYTES_MAX)
    assert found.isprintable()


def test_only_the_frames_own_output_is_read(tmp_path: Path) -> None:
    """The header does not count, and of a long output only the end."""
    path = tmp_path / "log"
    header = "command   echo error in the header\n"
    with path.open("w") as log:
        log.write(header)
        log.flush()
        assert read_error_line(str(path), log.fileno(), len(header)) == ""
        log.write("error: long ago\n" + "x" * 99 + "\n" + ("." * 99 + "\n") * (TAIL_BYTES // 100 + 1) + "it is over\n")
        log.flush()
        assert read_error_line(str(path), log.fileno(), len(header)) == "it is over"


def test_another_file_under_the_logs_name_is_not_read(tmp_path: Path) -> None:
    """Whoever may write into the log folder cannot have the agent tell what is in a file that it may not read."""
    path = tmp_path / "log"
    secret = tmp_path / "secret"
    secret.write_text("error: the password is 1234\n")
    with path.open("w") as log:
        path.unlink()
        assert read_error_line(str(path), log.fileno(), 0) == ""
        path.symlink_to(secret)
        assert read_error_line(str(path), log.fileno(), 0) == ""
        path.unlink()
        os.link(secret, path)
        assert read_error_line(str(path), log.fileno(), 0) == ""
