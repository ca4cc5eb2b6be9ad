"""`cuefarm demo`: start a farm, render a real animation on it, say where the movie is, stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cuebot.app import demo_extra
from cuebot.app.data_folder import DataFolder
from cuebot.app.local_agents import FRAMES_ARE_ROOTS
from cuebot.app.up import wait_ready

START_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What `cuefarm demo` was given."""

    data: Path
    frames: str
    size: tuple[int, int]
    keep_running: bool
    break_frame: int | None


def demo(options: DemoOptions) -> int:
    """Run the demo. Returns 0 when every frame succeeded."""
    if missing := demo_extra.missing():
        print(
            f"cuefarm demo renders with libraries that are not installed ({', '.join(missing)}):"
            f" {demo_extra.INSTALL}\nEverything else works without them: cuefarm up",
            file=sys.stderr,
        )
        return 1
    signal.signal(signal.SIGTERM, _as_interrupt)
    folder = DataFolder(options.data)
    try:
        folder.create()
    except OSError as error:
        print(f"cuefarm demo: {folder.problem(error)}", file=sys.stderr)
        return 1
    farm = None if folder.announced() else _start_farm(folder)
    status = 1
    try:
        facts = wait_ready(folder, START_SECONDS)
        if facts is None:
            print(f"the farm did not start; its words are in {folder.run / 'server.log'}", file=sys.stderr)
            return 1
        os.environ["CUEBOT_HOSTS"] = facts["grpc"]
        status = _render(folder, options)
        if status and not options.keep_running:
            print(f"\nThe farm stops now. To look around in it: cuefarm up --data {folder.path}")
        if options.keep_running:
            print(f"\nThe farm goes on (Ctrl-C stops it). Try: CUEBOT_HOSTS={facts['grpc']} cueadmin -lji")
            while farm is None or farm.poll() is None:
                time.sleep(0.2)
    except KeyboardInterrupt:
        print("\nstopping the farm")
        status = status if options.keep_running else 130
    finally:
        if farm is not None:
            _stop_farm(farm)
    return status


def _as_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _render(folder: DataFolder, options: DemoOptions) -> int:
    from rich.console import Console

    from cuebot.demo import pipeline
    from cuebot.demo.progress import Outputs
    from cuebot.demo.watching import watch
    from outline import cuerun

    output = folder.path / "renders" / time.strftime("%Y%m%d-%H%M%S")
    frames, size, broken = options.frames, options.size, options.break_frame
    shot = pipeline.make_shot(frames, size, output, show="testing", shot="still_life", break_frame=broken)
    outline = pipeline.build(frames, size, output, show="testing", shot="still_life", break_frame=broken)
    job = cuerun.launch(outline, maxretries=0 if options.break_frame else 1)[0]
    outputs = Outputs(movie=shot.movie, contact_sheet=shot.contact_sheet, logs=Path(job.data.log_dir))
    return watch(job.name(), console=Console(), outputs=outputs)


def _start_farm(folder: DataFolder) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cuebot.app.cli", "up", "--data", str(folder.path)]
    command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    folder.server_file.unlink(missing_ok=True)
    if os.geteuid() == 0:
        print(FRAMES_ARE_ROOTS)
    with (folder.run / "server.log").open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _stop_farm(farm: subprocess.Popen[bytes]) -> None:
    if farm.poll() is None:
        farm.terminate()
        try:
            farm.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"the farm (pid {farm.pid}) does not stop; ending it", file=sys.stderr)
            farm.kill()
            farm.wait()
