"""What the runner brings in."""

from __future__ import annotations

import subprocess
import sys


def test_the_runner_needs_nothing_but_the_standard_library() -> None:
    """No import of the runner's brings in grpc, protobuf or psutil."""
    code = "import rqd.runner.agent, rqd.platform.linux, sys; print({m.split('.')[0] for m in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert not {"grpc", "google", "psutil", "opencue_proto", "asyncio"} & set(eval(modules))
