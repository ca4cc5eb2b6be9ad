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
    """An uncaught exception of Python, else the first of the last errors, else the last line that says anything."""
    assert error_line(text) == expected


POVRAY_BEGIN = """povray: cannot open the user configuration file /r/.povray/3.7/povray.conf: No such file or directory
Persistence of Vision(tm) Ray Tracer Version 3.7.0.10.unofficial (g++ @
 x86_64-pc-linux-gnu)
Render Options
  Quality:  9
  Bounding boxes.......On   Bounding threshold: 3
  Antialiasing.........Off
Information Output Options
  All Streams to console..........On
  Debug Stream to console.........On
  Fatal Stream to console.........On
  Warning Stream to console.......On
==== [Parsing...] ==========================================================
"""
POVRAY_END = "Fatal error in parser: Cannot parse input.\nRender failed\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "File 'scene2.pov' line 2: Possible Parse Error: Cannot find file 'sparks.inc', even\n"
            " after trying to append file type extension.\n"
            f"File 'scene2.pov' line 2: Parse Error: Cannot open include file sparks.inc.\n{POVRAY_END}",
            "File 'scene2.pov' line 2: Parse Error: Cannot open include file sparks.inc.",
        ),
        (
            "Possible Parse Error: Cannot find file 'sceen.pov', even after trying to append\n"
            f" file type extension.\nParse Error: Cannot open input file.\n{POVRAY_END}",
            "Possible Parse Error: Cannot find file 'sceen.pov', even after trying to append file type extension.",
        ),
        (
            "File 'tex.pov' line 2: Possible Parse Error: Cannot find file 'wood.png', even\n"
            " after trying to append file type extension.\n"
            "File 'tex.pov' line 2: Possible Parse Error: Cannot find image file.\n"
            "Fatal error in parser: Cannot open file.\nRender failed\n",
            "File 'tex.pov' line 2: Possible Parse Error: Cannot find file 'wood.png', even"
            " after trying to append file type extension.",
        ),
        (
            "File 'syn.pov' line 1: Parse Error: No matching } in 'sphere', undeclared\n"
            f" identifier 'pigmen' found instead\n{POVRAY_END}",
            "File 'syn.pov' line 1: Parse Error: No matching } in 'sphere', undeclared"
            " identifier 'pigmen' found instead",
        ),
        ("Error opening terminal: unknown.\n", "Error opening terminal: unknown."),
        (
            "Cannot create render state output file.\nCannot create render state output file.\nRender failed\n",
            "Cannot create render state output file.",
        ),
    ],
)
def test_povray_tells_at_its_end(text: str, expected: str) -> None:
    """Its first line, about a file that nobody made, is a notice, and its last says only that it failed."""
    assert error_line(POVRAY_BEGIN + text) == expected


QUIET = "".join(f"progress {percent}%\n" for percent in range(0, 100, 10))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # blender
        (
            "AL lib: (EE) UpdateDeviceParams: Failed to set 44100hz, got 48000hz instead\n"
            "Warning: region type 4 missing in space type 'Info'\n"
            f'{QUIET}Error: No camera found in scene "Scene"\n\nBlender quit\n',
            'Error: No camera found in scene "Scene"',
        ),
        (
            "Error: Python: Traceback (most recent call last):\n"
            '  File "/jobs/setup.py", line 3, in <module>\n'
            "KeyError: 'bpy_prop_collection[key]: key \"Hero\" not found'\n"
            "Error: script failed, file: '/jobs/setup.py', exiting.\n",
            "KeyError: 'bpy_prop_collection[key]: key \"Hero\" not found'",
        ),
        # arnold
        (
            "00:00:01   96MB WARNING | [kick] could not find a display driver\n"
            f"{QUIET}00:00:02  640MB ERROR   | [ass] line 7: unknown node 'standard_surfaze'\n"
            "00:00:02  640MB ERROR   | [ass] could not read /jobs/a.ass\n"
            "00:00:02  640MB         | render aborted\n"
            "00:00:02  640MB         | Arnold shutdown: 2 errors, 1 warning\n",
            "00:00:02 640MB ERROR | [ass] line 7: unknown node 'standard_surfaze'",
        ),
        # mantra
        (
            f"mantra: Unable to load texture '/tex/old.rat'\n{QUIET}"
            "mantra: Fatal error: No licenses could be found to run this application.\n",
            "mantra: Fatal error: No licenses could be found to run this application.",
        ),
        # nuke
        (
            "Nuke 15.0v4\nRead1: /luts/none.cube: No such file or directory\n"
            f"{QUIET}[10:11.12] ERROR: Write1: /out/a.0001.exr: disk quota exceeded\nWrite failed\n",
            "[10:11.12] ERROR: Write1: /out/a.0001.exr: disk quota exceeded",
        ),
        # ffmpeg
        (
            "[in#0 @ 0x55d] Error opening input: No such file or directory\n"
            "Error opening input file plates.mov.\n"
            "Error opening input files: No such file or directory\n",
            "Error opening input file plates.mov.",
        ),
        (
            "[vost#0:0 @ 0x2] Error while opening encoder - maybe incorrect parameters such as 'width'\n"
            "Conversion failed!\n",
            "[vost#0:0 @ 0x2] Error while opening encoder - maybe incorrect parameters such as 'width'",
        ),
        # bash
        (
            f"setup.sh: line 2: module: command not found\n{QUIET}"
            "cp: cannot stat '/plates/a.exr': No such file or directory\nrm: cannot remove 'tmp': No such file\n",
            "cp: cannot stat '/plates/a.exr': No such file or directory",
        ),
        ("line.sh: line 4: 17 Killed    render -f 3\nexit code 137\n", "line.sh: line 4: 17 Killed render -f 3"),
        ("cp: cannot stat 'a.exr'\nmake: *** [Makefile:3: out.exr] Error 2\n", "cp: cannot stat 'a.exr'"),
        ("gather\nmake: *** [Makefile:3: out.exr] Error 2\n", "make: *** [Makefile:3: out.exr] Error 2"),
        # python
        (
            "usage: comp [-h]\ncomp: error: unrecognized arguments: --fps\n",
            "comp: error: unrecognized arguments: --fps",
        ),
        ("/usr/bin/python3: No module named nuke\n", "/usr/bin/python3: No module named nuke"),
        (
            f"Traceback (most recent call last):\n  File 'a', line 1\nOSError: no cache\ngo on without\n{QUIET}"
            "FATAL: the scene has no renderable output\n",
            "FATAL: the scene has no renderable output",
        ),
        (
            "Error: plug-in '/opt/hair.so' has the wrong version\nTraceback (most recent call last):\n"
            '  File "wrap.py", line 9, in <module>\n    subprocess.run(line, check=True)\n'
            "subprocess.CalledProcessError: Command 'render' returned non-zero exit status 1.\n",
            "Error: plug-in '/opt/hair.so' has the wrong version",
        ),
        (
            'Traceback (most recent call last):\n  File "wrap.py", line 9, in <module>\n'
            "subprocess.CalledProcessError: Command 'render' returned non-zero exit status 1.\n",
            "subprocess.CalledProcessError: Command 'render' returned non-zero exit status 1.",
        ),
        # what starts other programs
        (
            "2026-01-02 10:11:12 INFO run: ERROR: texture '/tex/wood.tx' is damaged\n"
            "2026-01-02 10:11:13 ERROR run: render failed with exit code 1\n",
            "2026-01-02 10:11:12 INFO run: ERROR: texture '/tex/wood.tx' is damaged",
        ),
        ("could not read the camera of shot 010\nERROR: render failed\n", "could not read the camera of shot 010"),
    ],
)
def test_what_ended_a_program_goes_before_what_it_outlived(text: str, expected: str) -> None:
    """Strong words before weak ones, the last block before earlier ones, its first line before what came of it."""
    assert error_line(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "warning: texture '/tex/a.tx' not found, using grey",
        "00:00:01  96MB WARNING | [image] could not open /tex/a.tx",
        "File 'a.pov' line 3: Parse Warning: Expected 'version', undefined behaviour",
        "[info] no such file yet, waiting",
        "DEBUG cache: key not found",
        "noise error: 0.02",
        "error threshold 0.01",
        "Fatal Stream to console.........On",
        "render: cannot open the user preferences /home/ann/.render: No such file or directory",
        "errors: none",
        "abort on error: no",
        "12 passed, 0 failed",
    ],
)
def test_a_notice_is_no_error(line: str) -> None:
    """What goes wrong after it is told, and where nothing does, the last line."""
    assert error_line(f"{line}\nwrote a.exr\n") == "wrote a.exr"
    assert error_line(f"{line}\nplates.exr: not found\nbye\n") == "plates.exr: not found"


def test_a_line_is_short_and_printable() -> None:
    """At most 200 bytes, cut between characters; what cannot be printed is a blank."""
    found = error_line("error: " + "ü" * 300 + "\n")
    assert len(found.encode()) in (LINE_BYTES_MAX - 1, LINE_BYTES_MAX)
    assert found.isprintable()


def test_only_the_frames_own_output_is_read(tmp_path: Path) -> None:
    """Neither header nor foot count, and of a long output only the end."""
    path = tmp_path / "log"
    header = "command   echo error in the header\n"
    with path.open("w") as log:
        log.write(header)
        log.flush()
        assert read_error_line(str(path), log.fileno(), len(header), len(header)) == ""
        log.write("error: long ago\n" + "x" * 99 + "\n" + ("." * 99 + "\n") * (TAIL_BYTES // 100 + 1) + "it is over\n")
        log.flush()
        end = path.stat().st_size
        log.write("error in the foot\n")
        log.flush()
        assert read_error_line(str(path), log.fileno(), len(header), end) == "it is over"


def test_another_file_under_the_logs_name_is_not_read(tmp_path: Path) -> None:
    """Whoever may write into the log folder cannot have the agent tell what is in a file that it may not read."""
    path = tmp_path / "log"
    secret = tmp_path / "secret"
    secret.write_text("error: the password is 1234\n")
    with path.open("w") as log:
        path.unlink()
        assert read_error_line(str(path), log.fileno(), 0, 1_000) == ""
        path.symlink_to(secret)
        assert read_error_line(str(path), log.fileno(), 0, 1_000) == ""
        path.unlink()
        os.link(secret, path)
        assert read_error_line(str(path), log.fileno(), 0, 1_000) == ""
