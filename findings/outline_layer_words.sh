#!/usr/bin/env bash
# opencue_pyoutline 1.37.0 (PyPI): what a layer is given as plain text comes out of the serialiser as something else,
# without an error or a warning. Seen on Python 3.11:
#   tags="general desktop"      -> <tags />                 every tag is lost; so with a comma. `|` and a list work
#   limits="nuke"               -> limits n, u, k, e        one limit a letter; a list works
#   service=["nuke", "maya"]    -> service default          a list is dropped; "nuke,maya" keeps the first only
#   gpus=0.5                    -> <gpus>0</gpus>           and gpu_memory 1g is asked for all the same
# A job of which all tags were lost runs on any host; one with limits that do not exist is refused or waits for ever.
# (It imports `packaging`, which it does not declare; so that is installed beside it.)
# Exits 0 while all of this is so, 1 when any of it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencue_pyoutline==1.37.0 opencue_pycue==1.37.0 opencue_proto==1.37.0 packaging==25.0
cat >"$work/see.py" <<'PYTHON'
import re
import sys

import outline
import outline.backend.cue as cue
from outline.modules.shell import Shell


def words(element, **given):
    made = outline.Outline("t", shot="s", show="testing", user="ann", frame_range="1")
    made.add_layer(Shell("render", command=["true"], **given))
    xml = cue.serialize(outline.cuerun.OutlineLauncher(made))
    xml = xml if isinstance(xml, str) else xml.decode()
    layer = xml[xml.index("<layer ") : xml.index("</layer>")]
    return re.findall(rf"<{element}>([^<]*)</{element}>", layer)


seen = {
    'tags="general|desktop"': (words("tags", tags="general|desktop"), ["general | desktop"]),
    'tags="general desktop"': (words("tags", tags="general desktop"), []),
    'tags="general,desktop"': (words("tags", tags="general,desktop"), []),
    'limits=["nuke"]': (words("limit", limits=["nuke"]), ["nuke"]),
    'limits="nuke"': (words("limit", limits="nuke"), ["n", "u", "k", "e"]),
    'service=["nuke", "maya"]': (words("service", service=["nuke", "maya"]), ["default"]),
    'service="nuke,maya"': (words("service", service="nuke,maya"), ["nuke"]),
    "gpus=0.5": (words("gpus", gpus=0.5), ["0"]),
    "gpus=0.5, gpu_memory": (words("gpu_memory", gpus=0.5), ["1g"]),
}
changed = False
for given, (found, before) in seen.items():
    print(f"{given:28} {found}" + ("" if found == before else f"   CHANGED, it was {before}"))
    changed |= found != before
sys.exit(changed)
PYTHON
cd "$work"
HOME="$work" "$work/venv/bin/python" see.py
