"""Layers that render with Katana."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional

from outline.modules.application import FIRST, LAST, Application, Path, needed, pairs, positive, words

__all__ = ["Katana", "command"]


def command(
    scene: Path,
    render_node: Optional[str] = None,
    *,
    variables: Optional[Dict[str, str]] = None,
    render_threads: Optional[int] = None,
    executable: Path = "katana",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that renders a node of a `.katana` file over frames.

    Without `render_node` the one with the render flag is rendered. `variables` are graph state variables.

    Raises:
        LayerException: the scene is missing, or another argument makes no sense.
    """
    threads = positive("render_threads", render_threads)
    return [
        needed("the executable", executable),
        "--batch",
        f"--katana-file={needed('the Katana file, `scene`,', scene)}",
        "-t",
        f"{FIRST}-{LAST}",
        *([f"--render-node={render_node}"] if render_node else []),
        *pairs("--var", variables),
        *([f"--threads3d={threads}"] if threads else []),
        *words("options", options),
    ]


class Katana(Application):
    """Renders a node of a Katana scene; its arguments are those of `command`, and those of every layer."""

    build = staticmethod(command)
    service = "katana"
