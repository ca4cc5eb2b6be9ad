"""Read frame ranges and file sequences as JSON on stdin, and answer what `FileSequence` makes of each.

It is run by two interpreters, ours and that of upstream's packages, so it uses only what both have.
"""

import json
import sys

from FileSequence import FileSequence, FrameRange, FrameSet


def read(kind, text):
    """Return what a text means, or None where it is refused."""
    try:
        if kind == "range":
            return list(FrameRange(text).getAll())
        if kind == "set":
            return list(FrameSet(text).getAll())
        return _sequence(FileSequence(text))
    except ValueError:
        return None


def _sequence(sequence):
    frames = sequence.frameSet
    given = {} if frames else {"frameSet": FrameSet("1-3")}
    return {
        "parts": [sequence.getPrefix(), sequence.getSuffix(), sequence.getDirname(), sequence.getBasename()],
        "pad": sequence.getPadSize(),
        "frames": list(frames.getAll()) if frames else None,
        "files": sequence.getFileList(**given),
        "some": sequence.getFileList(frameSet=FrameSet("3,2,9")),
        "rv": sequence.getOpenRVPath(**given),
        "text": str(sequence),
    }


json.dump([read(kind, text) for kind, text in json.load(sys.stdin)], sys.stdout)
