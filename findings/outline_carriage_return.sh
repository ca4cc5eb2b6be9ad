#!/usr/bin/env bash
# opencue_pyoutline 1.37.0 (PyPI) writes its job specification with Python's xml.etree, which leaves a carriage return in
# a text as it is; XML readers must then take it for a line end. So a variable of a layer that has one (a value read from
# a file with DOS line ends) arrives as another value. lxml 6.0.2 writes &#13; instead, which survives. Seen on Python 3.11:
#   set_env("KEY", "one\r\ntwo")  -> read back as "one\ntwo";  "one\rtwo" -> "one\ntwo"
# Exits 0 while this is so, 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencue_pyoutline==1.37.0 opencue_pycue==1.37.0 opencue_proto==1.37.0 packaging==25.0 lxml==6.0.2
cat >"$work/see.py" <<'PYTHON'
import sys
from xml.etree import ElementTree

import lxml.etree
import outline
import outline.backend.cue as cue
from outline.modules.shell import Shell


def through_outline(value):
    made = outline.Outline("t", shot="s", show="testing", user="ann", frame_range="1")
    layer = Shell("render", command=["true"])
    layer.set_env("KEY", value)
    made.add_layer(layer)
    xml = cue.serialize(outline.cuerun.OutlineLauncher(made))
    return ElementTree.fromstring(xml).find(".//layer/env/key").text


def through_lxml(value):
    key = lxml.etree.Element("key")
    key.text = value
    return ElementTree.fromstring(lxml.etree.tostring(key)).text


seen = {
    "pyoutline, CR LF": (through_outline("one\r\ntwo"), "one\ntwo"),
    "pyoutline, CR": (through_outline("one\rtwo"), "one\ntwo"),
    "pyoutline, LF": (through_outline("one\ntwo"), "one\ntwo"),
    "lxml, CR LF": (through_lxml("one\r\ntwo"), "one\r\ntwo"),
}
changed = False
for what, (found, before) in seen.items():
    print(f"{what:18} {found!r}" + ("" if found == before else f"   CHANGED, it was {before!r}"))
    changed |= found != before
sys.exit(changed)
PYTHON
cd "$work"
HOME="$work" "$work/venv/bin/python" see.py
