"""Upstream's agent with nothing but a server that listens: what findings about `opencue_rqd` share."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import socket
import subprocess
import sys
import time

import grpc
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc


class Server(report_pb2_grpc.RqdReportInterfaceServicer):
    """Takes every report and keeps it."""

    def __init__(self):
        self.reports, self.ended = [], []

    def ReportRqdStartup(self, request, context):
        self.reports.append(request.boot_report)
        return report_pb2.RqdReportRqdStartupResponse()

    def ReportStatus(self, request, context):
        self.reports.append(request.host_report)
        return report_pb2.RqdReportStatusResponse()

    def ReportRunningFrameCompletion(self, request, context):
        self.ended.append(request.frame_complete_report)
        return report_pb2.RqdReportRunningFrameCompletionResponse()

    def rss_mb(self, frame_id):
        """The largest memory that was reported of a frame."""
        frames = [frame for report in self.reports for frame in getattr(report, "frames", ())]
        return max((frame.rss // 1024 for frame in frames if frame.frame_id == frame_id), default=0)


class Agent:
    """The agent on free ports of this machine, until the `with` is left."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.server = Server()
        self._grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(self.server, self._grpc)
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._port = found.getsockname()[1]
        config = self.folder / "rqd.conf"
        config.write_text(
            "[Override]\nOVERRIDE_HOSTNAME = localhost\nRQD_USE_IP_AS_HOSTNAME = False\nDEFAULT_FACILITY = local\n"
            f"OVERRIDE_CUEBOT = 127.0.0.1\nCUEBOT_GRPC_PORT = {port}\nRQD_GRPC_PORT = {self._port}\n"
            "RQD_CREATE_USER_IF_NOT_EXISTS = False\n"
        )
        self._words = [os.path.join(os.path.dirname(sys.executable), "rqd"), "-c", str(config)]

    def __enter__(self):
        self._grpc.start()
        log = open(self.folder / "rqd.log", "wb")
        self._process = subprocess.Popen(self._words, stdout=log, stderr=log, start_new_session=True)
        wait(lambda: self.server.reports, 30)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._grpc.stop(0)

    def stub(self):
        return rqd_pb2_grpc.RqdInterfaceStub(grpc.insecure_channel(f"127.0.0.1:{self._port}"))

    def launch(self, name, command):
        frame = rqd_pb2.RunFrame(
            resource_id=f"run-{name}",
            job_id="job",
            job_name="job",
            frame_id=name,
            frame_name=f"0001-{name}",
            layer_id="layer",
            command=command,
            user_name="artist",
            log_dir=str(self.folder / "logs"),
            show="show",
            shot="shot",
            num_cores=10,
            environment={"CUE_IFRAME": "1"},
        )
        self.stub().LaunchFrame(rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame), timeout=10)

    def kill(self, name):
        self.stub().KillRunningFrame(
            rqd_pb2.RqdStaticKillRunningFrameRequest(frame_id=name, message="enough"), timeout=10
        )


def wait(condition, seconds):
    """Whether it became true in time."""
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def processes(text):
    """The processes that have a text in their command line: the words of each by its pid."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = pathlib.Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in words:
                found[int(name)] = words
    return found
