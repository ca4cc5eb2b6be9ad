"""Snapshots as XML and as JSON: what is written and read again is the same dictionary."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Callable, Union
from xml.etree import ElementTree

Snapshot = dict[str, dict[str, Any]]

_CHILDREN = {"jobs": "job", "subjobs": "subjob", "frames": "frame"}
"""What the things in a dictionary are called whose keys are names or numbers; the key is an attribute."""
_UNFIT = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has no place for, and `\\r`, which readers of XML turn into `\\n`."""
_NUMBER = "number"


def to_json(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON. Logs that were not read yet are read."""
    return json.dumps(snapshot, indent=1)


def from_json(text: Union[str, bytes]) -> Snapshot:
    """Return the snapshot that `to_json` wrote; frames have numbers for keys again.

    Raises ValueError where the text is no such document.
    """
    try:
        read = json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is no snapshot in JSON: {error}") from None
    return _checked(_with_numbers(read))


def _with_numbers(value: Any) -> Any:
    """Turn keys that stand for frame numbers into numbers."""
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {int(number): _with_numbers(frame) for number, frame in item.items()}
        if key == "frames" and isinstance(item, dict) and all(isinstance(one, dict) for one in item.values())
        else _with_numbers(item)
        for key, item in value.items()
    }


def to_xml(snapshot: Snapshot) -> str:
    """Return a snapshot as XML: jobs with their subjobs and these with their frames inside of them."""
    root = _element("jobs", snapshot)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def from_xml(text: Union[str, bytes]) -> Snapshot:
    """Return the snapshot that `to_xml` wrote.

    Raises ValueError where the text is no such document.
    """
    try:
        root = ElementTree.fromstring(text.encode() if isinstance(text, str) else text)
    except ElementTree.ParseError as error:
        raise ValueError(f"this is no snapshot in XML: {error}") from None
    if root.tag != "jobs":
        raise ValueError(f"this is no snapshot in XML: it begins with <{root.tag}>, not with <jobs>")
    return _checked(_value(root))


def _checked(read: Any) -> Snapshot:
    if not isinstance(read, dict) or not all(isinstance(job, dict) and "subjobs" in job for job in read.values()):
        raise ValueError("this is no snapshot: it is not made of jobs with subjobs")
    return read


def _element(tag: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(tag)
    if isinstance(value, dict):
        element.set("type", "dict")
        is_of_things = tag in _CHILDREN and all(isinstance(item, dict) for item in value.values())
        for key, item in value.items():
            child = _element(_CHILDREN[tag] if is_of_things else key, item)
            if is_of_things:
                child.set(_NUMBER if isinstance(key, int) else "name", str(key))
            element.append(child)
    elif isinstance(value, (list, tuple)):
        element.set("type", "list")
        element.extend([_element("item", item) for item in value])
    elif isinstance(value, str) and not _UNFIT.search(value):
        element.text = value
    elif isinstance(value, str):
        element.set("type", "base64")
        element.text = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
    else:
        element.set("type", type(value).__name__)
        element.text = str(value)
    return element


_SCALARS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": lambda text: text == "True",
    "NoneType": lambda text: None,
    "base64": lambda text: base64.b64decode(text).decode("utf-8", "surrogatepass"),
}


def _value(element: ElementTree.Element) -> Any:
    kind = element.get("type", "str")
    if kind == "dict":
        return {_key(child): _value(child) for child in element}
    if kind == "list":
        return [_value(child) for child in element]
    text = element.text or ""
    if kind == "str":
        return text
    try:
        return _SCALARS[kind](text)
    except (KeyError, ValueError):
        raise ValueError(f"this is no snapshot in XML: <{element.tag}> is no {kind}") from None


def _key(element: ElementTree.Element) -> Union[str, int]:
    number = element.get(_NUMBER)
    return element.get("name", element.tag) if number is None else int(number)
