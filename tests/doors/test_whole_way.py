"""What an outline says arrives at the frame's process as it was said, or is refused in words before anything runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_farm import GIB, SmallFarm

import outline
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.domain.names import LATER_SUFFIX_BYTES
from cuebot.domain.tags import split_tags
from cuebot.domain.units import KiB
from cuebot.engine.requests import LaunchRequest
from cuebot.queries.procs import proc_row
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import run_frame
from cuebot.wire.agents.run_messages import run_message
from FileSequence import FrameSet
from opencue.util import logPath
from outline import cuerun
from outline.command_line import replace_tokens, shell_text, token_values
from outline.exception import OutlineException
from outline.modules.shell import Shell
from rqd.link.messages import NO_LIMITS, launch_from, launch_from_order
from rqd.platform import RUN_ID_VARIABLE
from rqd.runner.command import supervisor_words
from rqd.runner.environment import frame_environment
from rqd.runner.frame_log import log_path

MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAME = st.text(alphabet="abcXYZ019._-", min_size=3, max_size=12)
LONG_NAME = st.one_of(NAME, st.text(alphabet="abcXYZ019._", min_size=60, max_size=240))
USER = st.from_regex(r"[a-zA-Z0-9ü.]{1,12}( [a-zü]{1,8})?", fullmatch=True).filter(lambda user: user != "root")
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=24)
KEPT_TEXT = st.one_of(st.text(alphabet=" \t\n\rab&<>\"'ü日", max_size=12), TEXT)
VARIABLE = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True).filter(
    lambda name: not name.upper().startswith("CUE") and name != "PATH"
)
VARIABLES = st.dictionaries(VARIABLE, KEPT_TEXT, max_size=4)
TOKEN = st.sampled_from(
    ["#ZFRAME#", "#IFRAME#", "#FRAME#", "#LAYER#", "#JOB#", "#FRAMESPEC#", "a#FRAME_END#b", "#FRAME_START#"]
)
PLAIN_WORD = st.text(alphabet="ab-./ \"';|&<>()\\\n\tü日", min_size=1, max_size=8)
WORDS = st.lists(st.one_of(TOKEN, PLAIN_WORD), max_size=5)
TAGS = st.lists(st.text(alphabet="abc9-ü|, ", max_size=8), max_size=3).filter(split_tags)
RANGE = st.sampled_from(["1", "-5-5", "3-1", "-5--3", "1-10x3", "1-9y2", "1-8:4", "1,7,3-5", "1-2000001x1000000"])


@pytest.fixture(scope="module", autouse=True)
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sessions of outlines lie in a folder of the tests', and the shell's show and shot come back."""
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path_factory.mktemp("sessions")))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SHOW": "testing", "SHOT": "sh010", "USER": "ann"}.items():
            patch.setenv(name, value)
        patch.delenv("OL_TAG_OVERRIDE", raising=False)
        yield
    outline.config.set("outline", "session_dir", before)


def an_outline(name: str, layer: Shell, shot: str = "sh010", user: str = "ann") -> outline.Outline:
    """An outline of one layer."""
    made = outline.Outline(name, show="testing", shot=shot, user=user)
    made.add_layer(layer)
    return made


def a_layer(name: str, words: list[str], frames: str = "1", **args: Any) -> Shell:
    """A layer that fits into any host."""
    made = Shell(name, command=words, range=frames, cores=0.1, memory="256m", **args)
    made.set_service("shell")
    return made


def specification(made: outline.Outline) -> str:
    """The specification of an outline whose frames run their commands themselves."""
    return cuerun.OutlineLauncher(made, backend="cue", os="").serialize(use_pycuerun=False)


def booked(text: str) -> tuple[SmallFarm, list[LaunchRequest]]:
    """A farm that has launched a specification, and its orders to a host that has all tags."""
    farm = SmallFarm()
    ids = farm.do(c.SubmitJobs(parse_spec(text)))
    layer = farm.farm.layers[farm.farm.jobs[ids[0]].layer_ids[0]]
    farm.host(tags=("64bit", *layer.tags), gpus=8, gpu_memory=KiB(8 * GIB))
    farm.plan()
    orders = [order for _, given in farm.orders.launches for order in given]
    assert orders, "nothing was booked"
    return farm, orders


def at_the_agent(order: LaunchRequest) -> tuple[dict[str, Any], str, dict[str, str]]:
    """What an agent makes of an order: the launch, the path of the log, the environment. Both ways it is the same."""
    launch = launch_from_order(run_message(order))
    folder = "/".join((launch["log_dir"], *launch["log_path"]))
    by_call = launch_from(run_frame(order, 0))
    assert {**launch, "limits": NO_LIMITS, "log_dir": folder, "log_path": []} == by_call
    path = log_path(folder, *launch["log_parts"])
    return launch, path, frame_environment(launch, "host0", path, "/")


@MANY
@given(NAME, NAME, USER, NAME, VARIABLES, VARIABLES, WORDS, TAGS, RANGE, st.integers(1, 3), st.integers(0, 2))
def test_what_is_accepted_arrives_as_it_was_said(
    job: str,
    shot: str,
    user: str,
    name: str,
    of_job: dict[str, str],
    of_layer: dict[str, str],
    words: list[str],
    tags: list[str],
    frames: str,
    chunk: int,
    gpus: int,
) -> None:
    """Names, frames, tags, variables and commands go through every door unchanged, or one refuses them."""
    layer = a_layer(name, ["tool", *words], frames, chunk=chunk, tags=tags, gpus=float(gpus))
    for variable, value in of_layer.items():
        layer.set_env(variable, value)
    made = an_outline(job, layer, shot, user)
    for variable, value in of_job.items():
        made.set_env(variable, value, pre=True)
    try:
        text = specification(made)
        parse_spec(text)
    except (OutlineException, Invalid):
        assume(False)

    farm, orders = booked(text)
    (on_farm,) = farm.farm.layers.values()
    assert on_farm.tags == split_tags(tags)
    assert on_farm.min_gpus == gpus
    wanted = list(dict.fromkeys(FrameSet(frames)))
    if ":" in frames and chunk == 1:
        assert sorted(on_farm.frames.number.tolist()) == sorted(wanted)
    else:
        assert on_farm.frames.number.tolist() == wanted[::chunk]
    for order in orders:
        launch, _, environment = at_the_agent(order)
        expected = {**of_job, **of_layer}
        assert {variable: environment[variable] for variable in expected} == expected
        number = int(environment["CUE_IFRAME"])
        start = wanted.index(number)
        local = wanted[start : start + chunk]
        tokens = token_values(local, on_farm.name, order.job_name, chunk)
        if "#FRAMESPEC#" not in words or len(local) == 1:  # the server's short form is OpenCue's, which is longer
            assert launch["shell_text"] == replace_tokens(shell_text(["tool", *words]), tokens)
        assert (launch["show"], launch["shot"], launch["user_name"]) == ("testing", environment["CUE_SHOT"], user)


@MANY
@given(LONG_NAME, LONG_NAME, USER, RANGE, st.integers(1, 3))
def test_the_log_of_what_is_accepted_can_be_made_and_found(
    tmp_path_factory: pytest.TempPathFactory, job: str, name: str, user: str, frames: str, chunk: int
) -> None:
    """The outline's check and the server's agree on names, and server, agent and client on the log's path."""
    layer = a_layer(name, ["true"], frames, chunk=chunk)
    made = an_outline(job, layer, user=user)
    refusal = refusal_of(lambda: specification(made))
    text = unchecked(made) if refusal else specification(an_outline(job, layer, user=user))
    of_server = refusal_of(lambda: parse_spec(text))
    if refusal or of_server:
        assert ("at most" in refusal.lower()) == ("Accepted: at most" in of_server)
        return

    farm, orders = booked(text)
    (of_farm,) = farm.farm.jobs.values()
    for order in orders:
        _, path, _ = at_the_agent(order)
        as_client = SimpleNamespace(name=lambda: order.job_name, logDir=lambda: of_farm.log_dir)  # noqa: B023
        assert path == logPath(as_client, order.frame_name)
        assert path == proc_row(farm.farm, farm.farm.procs[order.run_id]).log_path
        for part in (f"{Path(path).name}{'x' * LATER_SUFFIX_BYTES}", Path(path).parent.name):
            assert len(part.encode()) <= DEFAULT_BOUNDS.file_name_bytes
            (tmp_path_factory.getbasetemp() / part).touch()
            (tmp_path_factory.getbasetemp() / part).unlink()


def refusal_of(do: Callable[[], object]) -> str:
    """What is said by who refuses to do something; nothing if it is done."""
    try:
        do()
    except (OutlineException, Invalid) as error:
        return str(error)
    return ""


def unchecked(made: outline.Outline) -> str:
    """A specification with the names of an outline, made by somebody who checks nothing."""
    (layer,) = made.get_layers()
    return (
        f"<spec><show>testing</show><shot>sh010</shot><user>{made.get_user()}</user>"
        f'<job name="{made.get_name()}"><layers><layer name="{layer.get_name()}" type="Render"><cmd>true</cmd>'
        f"<range>{layer.get_arg('range')}</range><chunk>{layer.get_chunk_size()}</chunk></layer></layers></job></spec>"
    )


@FEW
@given(VARIABLES, WORDS)
def test_a_real_process_finds_what_the_outline_said(
    tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str], words: list[str]
) -> None:
    """The process of a frame has the variables and the arguments to the letter."""
    shows = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"
    layer = a_layer("render", [sys.executable, "-c", shows, *words], "-7")
    for variable, value in variables.items():
        layer.set_env(variable, value)
    try:
        text = specification(an_outline("whole", layer))
    except OutlineException:
        assume(False)

    _, (order,) = booked(text)
    launch, _, environment = at_the_agent(order)
    log = tmp_path_factory.getbasetemp() / "whole.log"
    text, *program = supervisor_words(launch)
    with log.open("wb") as output:
        process = subprocess.run(
            program or ["/bin/sh", "-c", text], env=environment, stdout=output, stderr=output, check=False
        )
    assert process.returncode == 0, log.read_text()
    found, arguments = json.loads(log.read_text())
    assert {variable: found[variable] for variable in variables} == variables
    assert found[RUN_ID_VARIABLE] == order.run_id
    tokens = token_values([-7], "render", order.job_name)
    assert arguments == [replace_tokens(word, tokens) for word in words]
