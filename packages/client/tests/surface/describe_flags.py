"""Describe the command line of an installed `cueadmin`: each flag with the least and the most arguments, as JSON.

Run by itself, with the published package, it writes the list that tests hold ours against.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Optional, Union

MANY = 99


def of_parser(parser: argparse.ArgumentParser) -> dict[str, list[int]]:
    """Return the bounds of each flag that takes something or nothing."""
    return {flag: bounds(action.nargs) for action in parser._actions for flag in action.option_strings}


def bounds(nargs: Optional[Union[int, str]]) -> list[int]:
    """Return the least and the most arguments of an option."""
    known: dict[Any, list[int]] = {None: [1, 1], "?": [0, 1], "*": [0, MANY], "+": [1, MANY]}
    return known[nargs] if nargs in known else [int(nargs or 0)] * 2


if __name__ == "__main__":
    from cueadmin.common import getParser

    json.dump(of_parser(getParser()), sys.stdout, indent=0, sort_keys=True)
