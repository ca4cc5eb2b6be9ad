"""Where scenarios are: the shipped ones by name, any other by the path of its file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.sim.scenarios.reader import read_scenario
from cuebot.sim.scenarios.scenario import Scenario
from cuebot.sim.scenarios.values import ScenarioError

ENDING = ".yaml"


def shipped_names() -> list[str]:
    """The names of the scenarios that come with the server."""
    folder = resources.files("cuebot.sim.scenarios") / "library"
    return sorted(entry.name.removesuffix(ENDING) for entry in folder.iterdir() if entry.name.endswith(ENDING))


def shipped_text(name: str) -> str:
    """A shipped scenario as it is written."""
    return (resources.files("cuebot.sim.scenarios") / "library" / f"{name}{ENDING}").read_text(encoding="utf-8")


def load_scenario(name_or_path: str, bounds: Bounds = DEFAULT_BOUNDS) -> Scenario:
    """A shipped scenario, or the one in a file. Raises ScenarioError."""
    if name_or_path in shipped_names():
        return read_scenario(shipped_text(name_or_path), name_or_path, bounds)
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ScenarioError(
            name_or_path, f"{reason}; accepted is a YAML file, or one of {', '.join(shipped_names())}"
        ) from error
    return read_scenario(text, path.name.removesuffix(ENDING), bounds)
