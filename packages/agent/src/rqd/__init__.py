"""The render host agent: runs frames, measures them, and loses no exit status.

It is two processes. The *runner* (standard library only) is the command itself and the parent of every frame; the
*link* speaks gRPC with the server and holds nothing that the runner could not tell it again. The life of one run:

1.  The server calls `LaunchFrame`; `link.servicer` turns the message into a plain dict and hands it to the runner.
2.  `runner.runs` checks it (known already? lease, cores, memory), writes it to the spool, and accepts it.
3.  It opens the log, writes the header, spawns the process as leader of a session of its own, notes pid and start time.
4.  While it runs, the runner samples its memory every few seconds; the link asks for all before a report.
5.  A kill, a lapsed lease or a shutdown sends SIGTERM to everything that came from it, and SIGKILL five seconds later.
6.  When the leader ends it stays a zombie until nothing of the run is left: so its pid cannot become another's.
7.  It is reaped, its log gets a footer, and the outcome is appended to the spool's file and told to the link.
8.  `link.outbox` delivers the outcome until the server says OK; the runner then keeps only the id, for an hour.
9.  If the link dies, the runner starts another, which is told all outcomes again. No frame notices.
10. If the runner dies, the link becomes a new runner, which takes over what supervisors go on with. So does the next
    one after a runner that was told to leave, and one that starts itself anew; a runner that is told to stop ends its
    frames first (`signals`, `control`).
"""

__version__ = "0.1.0"
