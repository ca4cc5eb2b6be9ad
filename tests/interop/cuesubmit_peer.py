"""Fills OpenCue's CueSubmit in without a screen, as a person would, and submits.

    python cuesubmit_peer.py PICTURE < FIELDS

It runs in the environment of the published packages. FIELDS is a JSON object: what goes into the line or the box beside
each label. The answer is one JSON object: "told" has the texts of the dialogs that it opened.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from qtpy import QtCore, QtWidgets
from qtpy.QtWidgets import QApplication

PICTURE = sys.argv[1]
START_SECONDS = 3.0
ANSWER_SECONDS = 4.0
told: list[str] = []


def visible(kind: Any) -> list[Any]:
    """Widgets of a kind on the screen."""
    windows = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    return [widget for window in windows for widget in window.findChildren(kind) if widget.isVisible()]


def fill(fields: dict[str, str]) -> None:
    """Put a text beside each label."""
    for label in visible(QtWidgets.QLabel):
        if label.text() in fields:
            beside = label.parent()
            for kind in (QtWidgets.QLineEdit, QtWidgets.QTextEdit):
                for box in beside.findChildren(kind):
                    box.setText(fields[label.text()])


def submit(fields: dict[str, str]) -> None:
    """Fill in, press Submit, and end when the farm had time to answer."""
    fill(fields)
    QtCore.QTimer.singleShot(int(ANSWER_SECONDS * 1_000), end)
    next(button for button in visible(QtWidgets.QPushButton) if button.text() == "Submit").click()


def end() -> None:
    """Say what was told; its threads would go on."""
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QtWidgets.QMainWindow):
            window.grab().save(PICTURE)
        if isinstance(window, QtWidgets.QMessageBox):
            told.append(window.text())
    print("\n" + json.dumps({"told": told}), flush=True)
    os._exit(0)


def main() -> None:
    """Start CueSubmit, with our hands in its loop."""
    fields = json.load(sys.stdin)
    loop = QApplication.exec

    def with_hands(*_: Any) -> int:
        QtCore.QTimer.singleShot(int(START_SECONDS * 1_000), lambda: submit(fields))
        return loop()

    QApplication.exec = QApplication.exec_ = with_hands
    sys.argv = ["cuesubmit"]
    from cuesubmit.__main__ import main as cuesubmit

    cuesubmit()


if __name__ == "__main__":
    main()
