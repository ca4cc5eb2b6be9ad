"""What helps is an action with arguments below the wire; only there is it a command of `cueadmin`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cuebot
from cuebot.domain.actions import ACTIONS
from cuebot.domain.advice import advise, phrased
from cuebot.wire.advice import _FLAGS, for_people

SOURCES = Path(cuebot.__file__).parent
CORE = ("domain", "decide", "scheduling", "queries", "engine", "spec")


def core_texts() -> dict[str, str]:
    """The source of each module below the wire."""
    paths = (path for folder in CORE for path in SOURCES.joinpath(folder).rglob("*.py"))
    return {str(path.relative_to(SOURCES)): path.read_text(encoding="utf-8") for path in paths}


def test_the_core_spells_no_command_of_a_client() -> None:
    """Whoever reads a sentence may use another program."""
    assert [path for path, text in core_texts().items() if "cueadmin" in text] == []


def test_everything_that_the_core_advises_is_an_action_that_can_be_typed() -> None:
    """Each name is in the table of actions, and the wire has a command for it; it has none that nobody advises."""
    literals = re.compile(r"""advise\(\s*["']([a-z_.]+)["']|"(layer\.set_(?:memory|cores|gpus|gpu_memory))",""")
    advised = {name for text in core_texts().values() for found in literals.findall(text) for name in found if name}
    assert advised == set(_FLAGS)
    assert advised <= set(ACTIONS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (advise("host.unlock", host="node 1"), "`cueadmin -unlock 'node 1'`"),
        (advise("layer.set_memory", job="j", layer="l", kib=1_572_864), "`cueadmin -layer-memory j l 1.5`"),
        (advise("layer.set_memory", job="j", layer="l", kib=1_000), "`cueadmin -layer-memory j l 1000k`"),
        (advise("layer.set_cores", job="j", layer="l", centicores=150), "`cueadmin -layer-cores j l 1.5`"),
        (advise("layer.set_tags", job="j", layer="l", tags=["a", "b"]), "`cueadmin -layer-tags j l a b`"),
        (advise("show.set_booking", show="s", enabled=True), "`cueadmin -booking s ON`"),
        (advise("frame.retry", job="j"), "`cueadmin -retry j`"),
        (advise("frame.retry", job="j", layer="l", frames="1-3"), "`cueadmin -retry-frames j l 1-3`"),
        (advise("frame.eat", job="j", layer="l", frames="4", mark_done=True), "`cueadmin -eat-frames j l 4 -markdone`"),
        (advise("job.read", finished=True), "`cueadmin -lj -finished`"),
        (advise("depend.satisfy", job="j"), "`cueadmin -satisfy-dependency j`"),
        (
            advise("subscription.create", show="s", allocation="ALLOCATION", size_centicores="SIZE",
                   burst_centicores=250),
            "`cueadmin -create-sub s ALLOCATION SIZE 2.5`",
        ),
    ],
)  # fmt: skip
def test_an_action_is_told_as_it_is_typed(text: str, told: str) -> None:
    """Amounts in the units that `cueadmin` takes, and quoted where a shell needs that."""
    assert for_people(f"{text} helps, and so does {text}") == f"{told} helps, and so does {told}"


def test_a_sentence_without_advice_stays_as_it_is() -> None:
    """Most errors advise nothing."""
    assert for_people("there is no host 'h'") == "there is no host 'h'"


def test_another_program_may_say_it_in_its_own_words() -> None:
    """An action has its name and its arguments, whatever these contain."""
    name = '"x" \ufffb `y`'
    text = f"see {advise('job.explain', job=name)}"
    assert phrased(text, lambda action, arguments: f"<{action}: {arguments['job']}>") == f"see <job.explain: {name}>"
