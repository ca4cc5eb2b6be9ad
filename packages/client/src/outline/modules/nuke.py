"""Layers that render with Nuke."""

from __future__ import annotations

from typing import Iterable, List, Optional

from outline.modules.application import FIRST, LAST, Application, Path, needed, option, positive, words

__all__ = ["Nuke", "command"]


def command(
    script: Path,
    *,
    write_nodes: Iterable[str] = (),
    views: Iterable[str] = (),
    proxy: bool = False,
    interactive_license: bool = False,
    render_threads: Optional[int] = None,
    executable: Path = "nuke",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that runs the Write nodes of a `.nk` script over frames; without names, all of them.

    Raises:
        LayerException: the script is missing, or another argument makes no sense.
    """
    nodes, wanted_views = words("write_nodes", write_nodes), words("views", views)
    return [
        needed("the executable", executable),
        "-F",
        f"{FIRST}-{LAST}",
        *option("-m", positive("render_threads", render_threads)),
        *(["-p"] if proxy else []),
        *(["-i"] if interactive_license else []),
        *(["--view", ",".join(wanted_views)] if wanted_views else []),
        *(["-X", ",".join(nodes)] if nodes else []),
        *words("options", options),
        "-x",
        needed("the Nuke file, `script`,", script),
    ]


class Nuke(Application):
    """Runs a Nuke script; its arguments are those of `command`, and those of every layer.

    `script` is the Nuke file; it is no shell script as the argument of that name of `ShellScript`.
    """

    build = staticmethod(command)
    service = "nuke"
