#!/usr/bin/env bash
# opencue_rqd 1.37.0 (PyPI) on Linux adds up the resident memory of a frame's processes, so that memory which they share
# counts once for each of them. Seen on Python 3.11: a frame that holds 300 MB and forks ten children, which only sleep,
# is reported with more than 3,000 MB; rss may thus exceed what the machine has, and what a server learns from it.
# Exits 0 while this is so, 1 when it has changed. Listens on loopback only; ends what it started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check opencue_rqd==1.37.0 opencue_proto==1.37.0
cat >"$work/hold.py" <<'PYTHON'
import os
import time

held = bytearray(300 << 20)
for place in range(0, len(held), 4096):
    held[place] = 1
for _ in range(10):
    if not os.fork():
        time.sleep(45)
        os._exit(0)
for _ in range(10):
    os.wait()
PYTHON
cat >"$work/see.py" <<'PYTHON'
import sys

from rqd_alone import Agent, wait

with Agent(sys.argv[1]) as agent:
    agent.launch("shares", f"{sys.executable} {sys.argv[1]}/hold.py")
    wait(lambda: agent.server.rss_mb("shares") > 3000, 45)
    wait(lambda: agent.server.ended, 60)
    shown = agent.server.rss_mb("shares")
print(f"held 300 MB, reported {shown} MB")
sys.exit(not shown > 3000)
PYTHON
PYTHONPATH="$here/lib" PYTHONDONTWRITEBYTECODE=1 timeout 240 "$work/venv/bin/python" "$work/see.py" "$work"
