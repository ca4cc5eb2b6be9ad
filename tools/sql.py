"""`python -m tools.sql FILE QUERY`: what a query finds in a SQLite database, which is opened for reading only."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows, fields between tabs, under a line with the columns' names. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.sql", description=__doc__)
    parser.add_argument("file", type=Path, help="such as build/dev-farm/farm.sqlite; a server may have it open")
    parser.add_argument("query", nargs="?", default="select name, sql from sqlite_schema", help="default: the tables")
    options = parser.parse_args(arguments)
    try:
        with closing(sqlite3.connect(f"{options.file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(options.query)
            names = [column[0] for column in found.description or ()]
            print("\t".join(names))
            for row in found:
                print("\t".join(str(value) for value in row))
    except sqlite3.Error as error:
        print(f"tools.sql: {options.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
