"""The way of a browser into a real farm, and a farm whose files a group may read."""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from farm_process import FarmProcess, layer, wait_for


def ask(address: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """A request as a browser sends it."""
    connection = http.client.HTTPConnection(address, timeout=20)
    given = {"Sec-Fetch-Site": "none", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request("GET", path, headers=given)
    return connection.getresponse()


def test_open_leads_to_the_page(farm: FarmProcess) -> None:
    """`cuefarm open --json` gives a link of which a browser has a session and sees the farm; it works once."""
    job = farm.launch("seen", layer("work", "sleep 60", "1-3"))
    wait_for(lambda: farm.connect().api.getJob(job.id()).runningFrames(), 20, "a frame to run")
    asked = farm.run("cuefarm", "open", "--server", f"http://{farm.http}", "--json")
    assert asked.returncode == 0, asked.stderr
    link = urlsplit(json.loads(asked.stdout)["url"])
    opened = ask(link.netloc, link.path)
    assert (opened.status, opened.headers["Location"]) == (303, "/")
    cookie = opened.headers["Set-Cookie"].partition(";")[0]
    page = ask(farm.http, "/", Cookie=cookie)
    text = page.read().decode()
    assert page.status == 200
    assert f"The farm at {farm.grpc}" in text
    assert "<td>Jobs that are not over</td><td>1</td>" in text
    assert ask(link.netloc, link.path).status == 403
    assert ask(farm.http, "/", Cookie=cookie, Origin="http://evil.example").status == 403
    job.kill(reason="the test is over")


def test_up_says_how_to_look_at_it(farm: FarmProcess) -> None:
    """The greeting names the command, and the address where it is not the usual one."""
    wait_for(lambda: "look at it: cuefarm open" in farm.words(), 30, "the greeting")


def test_a_group_may_read_a_farm(new_farm: Callable[..., FarmProcess]) -> None:
    """With --group a real farm's folders and files are the group's to read, logs too; the token is its owner's."""
    group = 20_777 if os.geteuid() == 0 else os.getegid()
    farm = new_farm("--group", str(group))
    job = farm.launch("logged", layer("work", "umask", "1"))
    assert farm.wait_job(job).succeededFrames() == 1
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [farm.data, *farm.data.iterdir()]}
    assert modes["token"] == 0o600
    for name in ("farm.sqlite", "farm.sqlite-wal"):
        assert modes[name] == 0o640
        assert (farm.data / name).stat().st_gid == group
    for folder in (farm.data, farm.data / "run", farm.data / "logs"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o777 == 0o750
    (log,) = farm.data.rglob("*.rqlog")
    assert log.stat().st_mode & 0o040
    assert log.stat().st_gid == group
    ours = subprocess.run(
        [sys.executable, "-c", "import os; print('%04o' % os.umask(0))"], capture_output=True, text=True
    )
    assert f"\n{ours.stdout.strip()}\n" in log.read_text(), "frames have the umask that the farm was started with"
