"""A frame's log does not show the values of variables that are secret; the frame itself has them."""

from __future__ import annotations

from typing import Callable

import pytest
from agent_farm import AgentProcess, FakeServer

from rqd import options
from rqd.secrets import SECRET_NAMES, shown_environment

pytestmark = pytest.mark.slow

MakeAgent = Callable[..., AgentProcess]

ENVIRONMENT = {"LICENCE_TOKEN": "s3cret-a", "studio_password": "s3cret-b", "SHOTGUN_KEY": "s3cret-c", "SEQUENCE": "sq1"}
COMMAND = "echo ${#LICENCE_TOKEN} ${#studio_password} ${#SHOTGUN_KEY} ${#SEQUENCE}; echo $SEQUENCE"


def rows_of(agent: AgentProcess) -> list[str]:
    """The rows of the environment in the head of the only log."""
    return [line[21:] for line in agent.log_of().split("=" * 59)[1].splitlines() if line.startswith("env  ")]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("FTRACK_API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("github_token", True),
        ("PGPASSWORD", True),
        ("SVN_PASSWD", True),
        ("SMTP_PWD", True),
        ("db_pass", True),
        ("OPENAI_APIKEY", True),
        ("API_KEY_FTRACK", True),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
        ("KEY_LIGHT", False),
        ("MONKEY", False),
        ("PWD", False),
        ("OLDPWD", False),
        ("PASSES", False),
        ("CUE_JOB", False),
        ("PATH", False),
    ],
)
def test_names_that_look_like_secrets(name: str, secret: bool) -> None:
    """By parts of their names, whatever their case."""
    assert shown_environment({name: "value"}, SECRET_NAMES) == {name: "(not shown)" if secret else "value"}


def test_a_log_names_secrets_without_their_values(server: FakeServer, make_agent: MakeAgent) -> None:
    """Each variable has its row, so that a reader sees that it is there; the frame gets the value."""
    agent = make_agent()
    server.outcome(agent.launch(COMMAND, environment=ENVIRONMENT))
    log = agent.log_of()
    assert "s3cret" not in log
    assert "\n8 8 8 3\nsq1\n" in log
    for row in (
        "LICENCE_TOKEN=(not shown)",
        "studio_password=(not shown)",
        "SHOTGUN_KEY=(not shown)",
        "SEQUENCE=sq1",
    ):
        assert row in rows_of(agent)


def test_a_studio_adds_names_of_its_own(server: FakeServer, make_agent: MakeAgent) -> None:
    """Single names and patterns, beside those that every agent has."""
    agent = make_agent("--secret", "sequence", "--secret", "*_LICENCE other")
    server.outcome(agent.launch(COMMAND, environment={**ENVIRONMENT, "NUKE_LICENCE": "s3cret-d", "PLAIN": "seen"}))
    assert {"SEQUENCE=(not shown)", "NUKE_LICENCE=(not shown)", "LICENCE_TOKEN=(not shown)"} <= set(rows_of(agent))
    assert "PLAIN=seen" in rows_of(agent)


def test_whoever_wants_to_see_all_says_so(server: FakeServer, make_agent: MakeAgent) -> None:
    """`--log-secrets` shows every value."""
    agent = make_agent("--log-secrets")
    server.outcome(agent.launch(COMMAND, environment=ENVIRONMENT))
    assert "LICENCE_TOKEN=s3cret-a" in rows_of(agent)
    assert options.parse(["--token-file", "/t", "--log-secrets"]).secret_names == ()
