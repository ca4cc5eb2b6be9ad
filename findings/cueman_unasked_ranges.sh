#!/usr/bin/env bash
# opencue_cueman 1.37.0 (PyPI): `cueman -eat JOB` with no filter, or only states or a range of frames, asks the server for
# frames within a memory range 0-10485 and a duration range 0-36 as well, which nobody gave. A server that takes the ranges
# as they are leaves frames outside of them alone, those that have not run included, while cueman says that frames were
# eaten. Seen on Python 3.11 with a server that keeps what it is asked.
# Exits 0 while this is so, 1 when it has changed. Listens on loopback only; ends what it started.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check opencue-cueman==1.37.0 packaging
cat >"$work/see.py" <<'PYTHON'
import os
import subprocess
import sys
from concurrent import futures

import grpc
from opencue_proto import cue_pb2, cue_pb2_grpc, job_pb2, job_pb2_grpc

JOB = "demo-sh010-ann_one"
asked = []


class Jobs(job_pb2_grpc.JobInterfaceServicer):
    def FindJob(self, request, context):
        return job_pb2.JobFindJobResponse(job=job_pb2.Job(id="1", name=request.name))

    def GetJobs(self, request, context):
        return job_pb2.JobGetJobsResponse(jobs=job_pb2.JobSeq(jobs=[job_pb2.Job(id="1", name=JOB)]))

    def EatFrames(self, request, context):
        asked.append((request.req.memory_range, request.req.duration_range))
        return job_pb2.JobEatFramesResponse()


class Cue(cue_pb2_grpc.CueInterfaceServicer):
    def GetSystemStats(self, request, context):
        return cue_pb2.CueGetSystemStatsResponse()


server = grpc.server(futures.ThreadPoolExecutor(2))
job_pb2_grpc.add_JobInterfaceServicer_to_server(Jobs(), server)
cue_pb2_grpc.add_CueInterfaceServicer_to_server(Cue(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
cueman = os.path.join(os.path.dirname(sys.executable), "cueman")
environment = {**os.environ, "CUEBOT_HOSTS": f"127.0.0.1:{port}", "HOME": os.path.dirname(__file__)}
for filters in ([], ["-state", "WAITING"], ["-range", "1-3"]):
    done = subprocess.run(
        [cueman, "-force", "-eat", JOB, *filters], env=environment, capture_output=True, text=True, timeout=60
    )
    print(filters, "->", asked[-1] if asked else done.stderr[-300:])
server.stop(0)
unasked = asked == [("0-10485", "0-36")] * 3
print("as told:" if unasked else "changed:", asked)
sys.exit(not unasked)
PYTHON
"$work/venv/bin/python" "$work/see.py"
