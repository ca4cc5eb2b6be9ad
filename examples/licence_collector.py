"""Tell the farm who uses licences, as a licence server counts them.

    python examples/licence_collector.py --every 60 nuke_i=nuke houdini_batch=houdini -- lmutil lmstat -a

Each word before `--` is a feature of the licence server and the farm's limit for it; what follows is the command that
lists the use, in the words of FlexLM's `lmstat -a`. A studio with another licence server writes another `holders`.
"""

from __future__ import annotations

import argparse
import collections
import re
import subprocess
import sys
import time

import opencue

FEATURE = re.compile(r"Users of (\S+?):\s+\(Total of (\d+) licenses? issued")
HOLDER = re.compile(r"^\s+(?P<user>\S+) (?P<host>\S+) .*\bstart \w+ \S+ \S+?(?:, (?P<tokens>\d+) licenses)?$")


def holders(listing):
    """Return of each feature how many licences there are, and how many each host holds, with whose they are."""
    found = {}
    used = None
    for line in listing.splitlines():
        feature, holder = FEATURE.search(line), HOLDER.match(line)
        if line.startswith("Users of "):
            used = None
        if feature:
            used = collections.defaultdict(lambda: (0, ""))
            found[feature[1]] = int(feature[2]), used
        elif holder and used is not None:
            tokens, users = used[holder["host"]]
            users = dict.fromkeys([*users.split(", "), holder["user"]] if users else [holder["user"]])
            used[holder["host"]] = tokens + int(holder["tokens"] or 1), ", ".join(users)
    return found


def report(limits, command):
    """Look once, and tell the farm; return what came of it in a line."""
    captured = int(time.time())  # before the look: what begins meanwhile is not in it
    listing = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = holders(listing)
    missing = sorted(set(limits) - set(found))
    reports = [
        opencue.api.buildLimitReport(limits[feature], dict(used), licences, captured)
        for feature, (licences, used) in found.items()
        if feature in limits
    ]
    answer = opencue.api.reportLimitUsage(reports, "licence_collector")
    told = [f"{limit.name} {limit.current_usage}/{limit.max_value}" for limit in answer.limits]
    told += [f"the farm has no limit {name}" for name in answer.unknown_limits]
    told += [f"the report of {skip.limit_name} was not taken" for skip in answer.skipped_limits]
    told += [f"the licence server says nothing of {feature}" for feature in missing]
    return ", ".join(told)


def main():
    """Look once, or for ever."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--every", type=float, default=0, metavar="SECONDS", help="look again and again")
    parser.add_argument("limits", nargs="+", metavar="FEATURE=LIMIT")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    options, command = parser.parse_args(words[:end]), words[end + 1 :]
    if not command or not all("=" in word for word in options.limits):
        parser.error("FEATURE=LIMIT..., then -- and the command that lists the use")
    limits = dict(word.split("=", 1) for word in options.limits)
    while True:
        try:
            print(report(limits, command), flush=True)
        except (OSError, subprocess.SubprocessError, opencue.exception.CueException) as error:
            if not options.every:
                sys.exit(f"nothing was reported: {error}")
            print(f"nothing was reported, and the next look may do better: {error}", file=sys.stderr, flush=True)
        if not options.every:
            return
        time.sleep(options.every)


if __name__ == "__main__":
    main()
