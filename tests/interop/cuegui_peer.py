"""Drives OpenCue's CueGUI without a screen, as a person would, and says what was seen.

    python cuegui_peer.py FOLDER < STEPS

It runs in CueGUI's own environment. STEPS is a JSON list of lists: a verb and its words. The answer is one JSON object:
"seen" has what each step found, "asked" the questions that were answered with yes, "complaints" what CueGUI logged or
raised. Panels are found by their titles, buttons, menus and rows by their texts, so nothing of CueGUI is used but what
is on its screen.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from qtpy import QtCore, QtGui, QtWidgets  # by which CueGUI has its widgets: what is replaced there is replaced for it
from qtpy.QtWidgets import QApplication

FOLDER = sys.argv[1]
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.25
START_SECONDS = 3.0
SIZE = (1700, 900)

complaints: list[str] = []
wanted = ""
"""The entry of a context menu that is to be chosen."""
offered: list[str] = []
"""The entries of the last context menu."""
asked: list[str] = []
"""What CueGUI has asked in dialogs."""


class Complaints(logging.Handler):
    """Keeps what CueGUI logs, but for remarks of the toolkit on its painting."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if "QPainter" not in record.getMessage():
            complaints.append(f"{record.levelname}: {record.getMessage()}")


def window() -> Any:
    """CueGUI's window."""
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, QtWidgets.QMainWindow))


def entries(menu: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The actions of a menu and of those in it, by their path."""
    for action in menu.actions():
        name = path + action.text().replace("&", "")
        if action.menu():
            yield from entries(action.menu(), f"{name}/")
        elif action.text():
            yield name, action


def pause(seconds: float) -> None:
    """Let CueGUI go on."""
    loop = QtCore.QEventLoop()
    QtCore.QTimer.singleShot(int(seconds * 1_000), loop.quit)
    loop.exec()


def until(found: Any) -> Any:
    """What `found` returns once that is something; None when patience ends."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        if value := found():
            return value
        pause(LOOK_SECONDS)
    return None


def docks() -> list[Any]:
    """Panels that are open."""
    return [dock for dock in window().findChildren(QtWidgets.QDockWidget) if dock.isVisible()]


def within(kind: Any) -> Iterator[Any]:
    """Visible widgets of a kind in the open panels and dialogs."""
    dialogs = [w for w in QApplication.topLevelWidgets() if isinstance(w, QtWidgets.QDialog) and w.isVisible()]
    for place in (*dialogs, *docks()):
        yield from (widget for widget in place.findChildren(kind) if widget.isVisible())


def rows() -> Iterator[tuple[Any, Any, list[str]]]:
    """Rows of the trees and tables in open panels: tree, index and texts."""
    for view in within(QtWidgets.QAbstractItemView):
        model = view.model()
        if isinstance(view, (QtWidgets.QHeaderView, QtWidgets.QCompleter)) or model is None:
            continue
        parents = [QtCore.QModelIndex()]
        while parents:
            parent = parents.pop(0)
            columns = 1 if isinstance(view, QtWidgets.QListView) else model.columnCount(parent)
            for number in range(model.rowCount(parent)):
                first = model.index(number, 0, parent)
                cells = [model.index(number, column, parent) for column in range(columns)]
                yield view, first, [str(cell.data() or "") for cell in cells]
                parents.append(first)


def row(text: str) -> Any:
    """The first row with a text that begins so."""
    return next(((view, index) for view, index, texts in rows() if any(t.startswith(text) for t in texts)), None)


def choose(menu: Any, *_: Any) -> None:
    """What happens where CueGUI opens a context menu."""
    found = dict(entries(menu))
    offered[:] = list(found)
    if wanted in found:
        found[wanted].trigger()
    elif wanted:
        offered.clear()


def answer_yes(dialog: Any, *_: Any) -> int:
    """What happens where CueGUI asks in a dialog of its own: its way of saying yes is taken."""
    asked.append(" / ".join(label.text() for label in dialog.findChildren(QtWidgets.QLabel)))
    dialog.show()
    pause(LOOK_SECONDS)
    for button in dialog.findChildren(QtWidgets.QPushButton):
        if button.text().replace("&", "") in ("OK", "Ok", "Yes"):
            button.click()
            break
    dialog.hide()
    return int(QtWidgets.QDialog.DialogCode.Accepted)


# --- steps ----------------------------------------------------------------------------------------------------------


def do_panels() -> list[str]:
    """Titles of all panels that there are."""
    paths = (path for path, _ in entries(window().menuBar()) if path.startswith("Views/Plugins/"))
    return [path.rsplit("/", 1)[1] for path in paths]


def do_wait_a_moment() -> bool:
    """Give a panel time to ask for what it shows."""
    pause(3)
    return True


def do_open(*titles: str) -> list[str]:
    """Open some panels and close all others; their titles."""
    for dock in docks():
        dock.close()
    for title in titles:
        pause(LOOK_SECONDS)
        next(action for path, action in entries(window().menuBar()) if path.endswith(f"/{title}")).trigger()
    pause(1)
    return [dock.windowTitle() for dock in docks()]


def do_choose(path: str) -> bool:
    """Choose an entry of the window's menus."""
    dict(entries(window().menuBar()))[path].trigger()
    return True


def do_press(button: str, entry: str = "") -> bool:
    """Press a button, or choose an entry of the menu that it opens."""
    for found in within(QtWidgets.QAbstractButton):
        if found.text().strip() != button:
            continue
        if not entry:
            found.click()
            return True
        found.menu().aboutToShow.emit()
        chosen = dict(entries(found.menu()))
        if entry in chosen:
            chosen[entry].trigger()
            return True
    return False


def do_type(text: str) -> bool:
    """Put a text into the first line that takes one, and press Return."""
    line = next(within(QtWidgets.QLineEdit), None)
    if line is None:
        return False
    line.setText(text)
    for kind in (QtCore.QEvent.Type.KeyPress, QtCore.QEvent.Type.KeyRelease):
        key = QtGui.QKeyEvent(kind, QtCore.Qt.Key.Key_Return, QtCore.Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(line, key)
    return True


def do_wait(text: str) -> bool:
    """Wait for a row with a text that begins so."""
    return until(lambda: row(text)) is not None


def do_wait_gone(text: str) -> bool:
    """Wait until there is no such row."""
    return bool(until(lambda: row(text) is None))


def do_double_click(text: str) -> bool:
    """Double-click on a row."""
    view, index = row(text)
    view.setCurrentIndex(index)
    view.doubleClicked.emit(index)
    if isinstance(view, QtWidgets.QTreeWidget):
        view.itemDoubleClicked.emit(view.itemFromIndex(index), 0)
    return True


def do_menu(text: str, entry: str) -> list[str]:
    """Choose an entry of a row's context menu; the entries, none where the wanted one is not among them."""
    global wanted
    view, index = row(text)
    view.clearSelection()
    view.setCurrentIndex(index)
    view.selectionModel().select(
        index,
        QtCore.QItemSelectionModel.SelectionFlag.Select | QtCore.QItemSelectionModel.SelectionFlag.Rows,
    )
    pause(LOOK_SECONDS)
    wanted, offered[:] = entry, []
    place = view.visualRect(index).center()
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)
    pause(1)
    return list(offered)


def do_rows() -> list[list[str]]:
    """Texts of all rows."""
    return [texts for _, _, texts in rows()]


def do_picture(name: str) -> str:
    """Keep a picture of the window."""
    path = os.path.join(FOLDER, f"{name}.png")
    window().grab().save(path)
    return path


def run(steps: list[list[str]]) -> None:
    """Do all steps, say what was seen, and end."""
    seen: list[Any] = []
    window().resize(*SIZE)
    for verb, *words in steps:
        try:
            seen.append(globals()[f"do_{verb}"](*words))
        except Exception:  # noqa: BLE001  # whatever it was, the test is told
            seen.append(None)
            complaints.append(f"{verb} {words}: {traceback.format_exc()}")
    print("\n" + json.dumps({"seen": seen, "asked": asked, "complaints": complaints}), flush=True)
    os._exit(0)  # its threads would go on


def main() -> None:
    """Start CueCommander, with our steps in its loop."""
    steps = json.load(sys.stdin)
    logging.getLogger().addHandler(Complaints(logging.WARNING))
    sys.excepthook = lambda kind, error, trace: complaints.append(
        "".join(traceback.format_exception(kind, error, trace))
    )
    QtWidgets.QMenu.exec = QtWidgets.QMenu.exec_ = choose
    QtWidgets.QDialog.exec = QtWidgets.QDialog.exec_ = answer_yes
    QtWidgets.QMessageBox.question = staticmethod(lambda *_, **__: QtWidgets.QMessageBox.StandardButton.Yes)
    loop = QApplication.exec

    def with_steps(*_: Any) -> int:
        QtCore.QTimer.singleShot(int(START_SECONDS * 1_000), lambda: run(steps))
        return loop()

    QApplication.exec = QApplication.exec_ = with_steps
    from cuegui.Main import cuecommander

    cuecommander(["cuecommander"])


if __name__ == "__main__":
    main()
