"""What helps somebody who types: a mistyped flag, completion, and what an action would hit."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from builders import a_dead_frame, a_frame, a_host, a_job, a_layer, a_proc
from test_cueadmin_actions import JOB, answer

from cue_cli.cueadmin import main
from cue_cli.cueadmin.commands import COMMANDS


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("-pasue", "there is no -pasue; did you mean -pause?"),
        ("-retry-frame", "-retry-frames"),
        ("--jsn", "--json"),
        ("-format", "there is no -format; did you mean --format?"),
    ],
)
def test_a_mistyped_flag_is_told_the_right_one(capsys, typed, meant):
    """The line makes no sense, and what it may have been stands behind that."""
    with pytest.raises(SystemExit) as ended:
        main([typed, "job"])
    assert ended.value.code == 2
    assert meant in capsys.readouterr().err


def test_a_word_that_is_like_no_flag_leads_to_the_help(capsys):
    """Nothing is guessed where nothing is alike."""
    with pytest.raises(SystemExit):
        main(["-ls", "nonsense"])
    assert "unrecognized arguments: nonsense; cueadmin -h lists what there is" in capsys.readouterr().err


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The completion of a shell."""
    assert main(["-completion", shell]) == 0
    return capsys.readouterr().out


def completed(script: str, *words: str) -> list[str]:
    """What bash offers for the last of some words; `cueadmin` itself lists two jobs and a host."""
    listed = "cueadmin() { case $1 in -lj) printf 'job-a x\\njob-b x\\n';; -lh) printf 'Host\\nrender01 x\\n';; esac; }"
    line = f"{listed}\n{script}\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n_cueadmin\n"
    command = [shutil.which("bash") or "bash", "-c", line + 'printf "%s\\n" "${COMPREPLY[@]}"']
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()


def test_bash_completes_flags_and_names(capsys):
    """A flag from its beginning, a job or host behind a flag that takes one."""
    bash = script("bash", capsys)
    assert completed(bash, "cueadmin", "-pau") == ["-pause"]
    assert completed(bash, "cueadmin", "-kill", "job") == ["job-a", "job-b"]
    assert completed(bash, "cueadmin", "-kill", "job-a", "job-b") == ["job-b"]
    assert completed(bash, "cueadmin", "-lock", "ren") == ["render01"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_knows_every_flag_that_is_offered(capsys, shell):
    """Whatever the parser offers, in each shell's own words."""
    text = script(shell, capsys)
    wanted = [command.flags[0] for command in COMMANDS]
    words = text.replace("-o ", "-").split() if shell == "fish" else text.replace('"', " ").split()
    assert [flag for flag in wanted if flag not in words] == []


def test_an_unknown_shell_is_refused(capsys):
    """With the names of those that are known."""
    with pytest.raises(SystemExit) as ended:
        main(["-completion", "tcsh"])
    assert (ended.value.code, "bash, zsh, fish" in capsys.readouterr().err) == (2, True)


def test_it_is_said_in_which_states_the_frames_are_that_are_killed(farm, monkeypatch, capsys):
    """Before somebody says yes to a range."""
    farm.jobs[JOB], farm.layers[JOB] = a_job(), [a_layer("beauty")]
    farm.frames[JOB] = [a_frame(1), a_dead_frame(2), a_dead_frame(3)]
    answer(monkeypatch, "n\n")
    assert main(["-eat-frames", JOB, "beauty", "1-3"]) == 0
    assert "Eat frames 1-3 of demo-sh010-ann_comp/beauty: 2 dead, 1 " in capsys.readouterr().out
    assert farm.changes() == []


@pytest.mark.parametrize("flag", ["-delete-host", "-safe-reboot", "-repair"])
def test_it_is_said_how_many_frames_run_on_hosts_that_are_taken_away(farm, monkeypatch, capsys, flag):
    """Before somebody says yes; where nobody is asked, nobody counts."""
    farm.hosts = {"render01": a_host()}
    farm.procs = [a_proc(), a_proc()]
    answer(monkeypatch, "n\n")
    assert main([flag, "render01"]) == 0
    assert "render01" in (told := capsys.readouterr().out)
    assert "2 frames running there? [y/n] Canceled" in told
    asked = len(farm.calls)
    assert main([flag, "render01", "-force"]) == 0
    assert not [call for call in farm.calls[asked:] if call.name == "ProcInterface.GetProcs"]


@pytest.mark.parametrize("words", [["-where", "-show:big dead>0"], ["-where=-show:big dead>0"]])
def test_a_query_may_begin_with_what_is_not_wanted(farm, capsys, words):
    """Its dash is no flag's."""
    assert main(["-lj", *words, "-order", "-dead"]) == 0
    asked = farm.only("FarmInterface.Find")
    assert (asked.query, asked.order) == ("-show:big dead>0", "-dead")
