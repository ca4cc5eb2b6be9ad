#!/usr/bin/env bash
# opencue_rqd 1.37.0 (PyPI) on Linux takes a frame for the session that it started. Whatever leaves that session (a
# daemon, `setsid`, a renderer that makes a session of its own) is not the frame's any more, and is never ended. Seen on
# Python 3.11:
#   a frame ends and leaves a silent process in another session  -> reported as done, and the process goes on
#   the same, but the process has kept the frame's output open   -> no end is reported while it lives, however long
#   a frame of which all is in another session is killed         -> the agent logs that the kill succeeded, the process
#                                                                   goes on, and no end is reported
# A server that books the frame again, as a retry does, has two writers of one frame.
# Exits 0 while this is so, 1 when it has changed. Listens on loopback only; ends what it started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check opencue_rqd==1.37.0 opencue_proto==1.37.0
cat >"$work/see.py" <<'PYTHON'
import os
import signal
import sys
import time

from rqd_alone import Agent, processes, wait

mark = f"{sys.argv[1]}/written-by"
seen = {}


def loop(name):
    return f"sh -c 'while :; do echo x >> {mark}-{name}; sleep 1; done'"


def lives(name):
    return any(not words.startswith("setsid") for words in processes(f"{mark}-{name};").values())


def end(name):
    for pid in processes(f"{mark}-{name};"):
        os.kill(pid, signal.SIGKILL)


try:
    with Agent(sys.argv[1]) as agent:
        ended = agent.server.ended
        agent.launch("silent", f"setsid -f {loop('silent')} >/dev/null 2>&1; sleep 2")
        seen["silent: its end is reported"] = (wait(lambda: len(ended) == 1, 20), True)
        time.sleep(10)
        seen["silent: 10 s later its process lives"] = (lives("silent"), True)
        agent.launch("open", f"setsid -f {loop('open')}; sleep 2")
        seen["open: its end is reported in 20 s"] = (wait(lambda: len(ended) == 2, 20), False)
        end("open")
        seen["open: its end is reported after its process's"] = (wait(lambda: len(ended) == 2, 20), True)
        agent.launch("killed", f"setsid -w {loop('killed')}")
        wait(lambda: lives("killed"), 10)
        agent.kill("killed")
        seen["killed: its end is reported in 20 s"] = (wait(lambda: len(ended) == 3, 20), False)
        seen["killed: its process lives"] = (lives("killed"), True)
        with open(f"{sys.argv[1]}/rqd.log") as log:
            seen["killed: the agent logs success"] = ("successfully killed frameId=killed" in log.read(), True)
finally:
    for name in ("silent", "open", "killed"):
        end(name)
changed = False
for what, (found, before) in seen.items():
    print(f"{what:46} {found}" + ("" if found == before else f"   CHANGED, it was {before}"))
    changed |= found != before
sys.exit(changed)
PYTHON
PYTHONPATH="$here/lib" PYTHONDONTWRITEBYTECODE=1 timeout 180 "$work/venv/bin/python" "$work/see.py" "$work"
