"""A frame that kills its agent each time: it is dead after a few tries, and its neighbours are done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from farm_process import FarmProcess, layer, wait_for

NewFarm = Callable[..., FarmProcess]
DEAD = 5
TRIES = 5
KILL_AGENT = """
for pid in $(ls /proc | grep -E '^[0-9]+$' | sort -n); do
  tr '\\0' ' ' < /proc/$pid/cmdline 2>/dev/null | grep -q -E -e '-m rqd(.link)? .*SPOOL' && kill -9 $pid
done
kill -9 $PPID
"""
"""The frame ends whoever runs and watches it, as a kernel without memory might: the agent, and its own supervisor."""


def test_a_frame_that_kills_its_agent_each_time_is_dead_after_five(new_farm: NewFarm, tmp_path: Path) -> None:
    """It is tried three times beside others and twice alone, and nobody is charged: its neighbours are all done."""
    farm, out = new_farm(), tmp_path / "out"
    out.mkdir()
    script = tmp_path / "poison.sh"
    kill_agent = KILL_AGENT.replace("SPOOL", str(farm.data))
    script.write_text(f"echo x >> {out}/bad; sleep 0.5; {kill_agent} sleep 600\n")
    innocent = farm.launch("innocent", layer("work", f"echo s >> {out}/good; sleep 2; echo e >> {out}/good", "1-3"))
    retries = "<maxretries>1</maxretries>"
    bad = farm.launch("poison", layer("work", f"exec sh {script}", "1"), job=retries)
    api = farm.connect().api

    def frame_of_bad() -> object:
        farm._remember()
        (frame,) = api.getJob(bad.id()).getFrames()
        return frame if int(frame.state()) == DEAD else None

    frame = wait_for(frame_of_bad, 200, "the frame to be dead")
    assert (out / "bad").read_text().count("x") == TRIES
    assert frame.retries() == 0
    done = farm.wait_job(innocent, 120)
    assert done.succeededFrames() == 3
    assert [one.retries() for one in done.getFrames()] == [0] * 3
    explained = farm.run("cueadmin", "-explain", bad.name()).stdout
    assert "took its hosts down and is dead: 5 runs ended with their host, the last 2 alone there" in explained
    runs = farm.run("cueadmin", "-runs", bad.name(), "work", "1").stdout
    assert runs.count(" LOST ") == TRIES, runs
    again = farm.run("cueadmin", "-retry", bad.name(), "-force")
    assert again.returncode == 0, again.stderr
    wait_for(lambda: (out / "bad").read_text().count("x") > TRIES, 60, "a person's retry to start it again")
    assert farm.run("cueadmin", "-kill", bad.name(), "-force").returncode == 0
