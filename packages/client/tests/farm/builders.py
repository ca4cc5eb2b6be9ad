"""Messages for tests, with plausible values for whatever a test does not care about."""

from __future__ import annotations

from typing import Any

from fake_farm import NOW
from opencue_proto import depend_pb2, facility_pb2, host_pb2, job_pb2, show_pb2, subscription_pb2

from cuefarm_proto import farm_pb2

GB = 1024 * 1024  # in KB


def a_job(name: str = "demo-sh010-ann_comp", **changes: Any) -> job_pb2.Job:
    """Return a pending job of ten frames: four done, three running, one dead, two waiting."""
    fields = {
        "id": f"id-{name}",
        "name": name,
        "show": "demo",
        "shot": "sh010",
        "user": "ann",
        "group": "demo",
        "facility": "local",
        "os": "linux",
        "state": job_pb2.PENDING,
        "priority": 50,
        "min_cores": 1,
        "max_cores": 100,
        "log_dir": f"/logs/demo/sh010/logs/{name}--1",
        "start_time": NOW,
        "job_stats": job_pb2.JobStats(
            total_layers=2,
            total_frames=10,
            succeeded_frames=4,
            running_frames=3,
            dead_frames=1,
            waiting_frames=2,
            pending_frames=5,
            reserved_cores=6,
        ),
    }
    return job_pb2.Job(**{**fields, **changes})


def a_layer(name: str = "beauty", **changes: Any) -> job_pb2.Layer:
    """Return a layer of ten frames that asks for two cores and 2 GB."""
    fields = {
        "id": f"id-{name}",
        "name": name,
        "range": "1-10",
        "min_cores": 2,
        "min_memory": 2 * GB,
        "services": ["shell"],
        "layer_stats": job_pb2.LayerStats(total_frames=10, succeeded_frames=5),
    }
    return job_pb2.Layer(**{**fields, **changes})


def a_frame(number: int = 1, layer: str = "beauty", **changes: Any) -> job_pb2.Frame:
    """Return a frame that waits and never ran."""
    fields = {
        "id": f"id-{layer}-{number}",
        "name": f"{number:04d}-{layer}",
        "layer_name": layer,
        "number": number,
        "state": job_pb2.WAITING,
    }
    return job_pb2.Frame(**{**fields, **changes})


def a_dead_frame(number: int = 1, **changes: Any) -> job_pb2.Frame:
    """Return a frame that failed on the host `render01` with status 1."""
    fields = {
        "state": job_pb2.DEAD,
        "exit_status": 1,
        "retry_count": 2,
        "start_time": NOW,
        "stop_time": NOW + 90,
        "last_resource": "render01/2.00/0",
        "max_rss": 3 * GB,
        "reserved_memory": 4 * GB,
    }
    return a_frame(number, **{**fields, **changes})


def a_run(attempt: int = 1, **changes: Any) -> farm_pb2.Run:
    """Return a run of frame 1 of the layer `beauty` on `render01` that failed with status 1 after 90 s."""
    fields = {
        "run_id": f"run-{attempt}",
        "seq": attempt,
        "job_id": "id-demo-sh010-ann_comp",
        "job_name": "demo-sh010-ann_comp",
        "layer_id": "id-beauty",
        "layer_name": "beauty",
        "frame_id": "id-beauty-1",
        "frame_name": "0001-beauty",
        "number": 1,
        "attempt": attempt,
        "host_name": "render01",
        "state": "DEAD",
        "cause": "EXITED",
        "exit_status": 1,
        "charged": True,
        "cores": 2.0,
        "memory_kib": 4 * GB,
        "max_rss_kib": 3 * GB,
        "start_us": NOW * 1_000_000,
        "stop_us": (NOW + 90) * 1_000_000,
        "run_us": 90_000_000,
        "log_path": "/logs/demo/sh010/logs/demo-sh010-ann_comp--1/demo-sh010-ann_comp.0001-beauty.rqlog",
    }
    return farm_pb2.Run(**{**fields, **changes})


def a_failure(**changes: Any) -> farm_pb2.Failure:
    """Return 36 dead frames that lack a texture, on two hosts."""
    fields = {
        "layer_id": "id-beauty",
        "layer_name": "beauty",
        "state": "DEAD",
        "cause": "EXITED",
        "exit_status": 1,
        "error_line": "Error: no texture wood.tx",
        "frames": 36,
        "frame_range": "1-36",
        "hosts": 2,
        "host_name": "render01",
        "charged": True,
        "example": a_run(),
    }
    return farm_pb2.Failure(**{**fields, **changes})


def a_depend(**changes: Any) -> depend_pb2.Depend:
    """Return a frame-by-frame dependency of the layer `comp` on `beauty`."""
    fields = {
        "id": "id-depend",
        "type": depend_pb2.FRAME_BY_FRAME,
        "active": True,
        "depend_er_job": "demo-sh010-ann_comp",
        "depend_er_layer": "comp",
        "depend_on_job": "demo-sh010-ann_comp",
        "depend_on_layer": "beauty",
    }
    return depend_pb2.Depend(**{**fields, **changes})


def a_host(name: str = "render01", **changes: Any) -> host_pb2.Host:
    """Return a host that is up, of 8 cores and 32 GB, half in use."""
    fields = {
        "id": f"id-{name}",
        "name": name,
        "alloc_name": "local.general",
        "cores": 8,
        "idle_cores": 4,
        "memory": 32 * GB,
        "idle_memory": 16 * GB,
        "total_memory": 32 * GB,
        "free_memory": 20 * GB,
        "free_swap": 2 * GB,
        "free_mcp": 100 * GB,
        "load": 410,
        "boot_time": NOW,
        "ping_time": NOW,
        "os": "linux",
        "state": host_pb2.UP,
        "lock_state": host_pb2.OPEN,
    }
    return host_pb2.Host(**{**fields, **changes})


def a_proc(**changes: Any) -> host_pb2.Proc:
    """Return frame 7 of the layer `beauty` running on `render01` with two cores."""
    fields = {
        "id": "id-proc",
        "name": "render01/1/id-proc",
        "show_name": "demo",
        "job_name": "demo-sh010-ann_comp",
        "frame_name": "0007-beauty",
        "reserved_cores": 2,
        "reserved_memory": 2 * GB,
        "used_memory": GB,
        "dispatch_time": NOW,
        "log_path": "/logs/demo/sh010/logs/demo-sh010-ann_comp--1/demo-sh010-ann_comp.0007-beauty.rqlog",
    }
    return host_pb2.Proc(**{**fields, **changes})


def a_show(name: str = "demo", **changes: Any) -> show_pb2.Show:
    """Return an active show with two pending jobs."""
    stats = show_pb2.ShowStats(reserved_cores=6, running_frames=3, pending_frames=5, pending_jobs=2)
    return show_pb2.Show(**{"id": f"id-{name}", "name": name, "active": True, "show_stats": stats, **changes})


def an_allocation(name: str = "local.general", **changes: Any) -> facility_pb2.Allocation:
    """Return an allocation of one host with eight cores."""
    stats = facility_pb2.AllocationStats(cores=8, available_cores=4, running_cores=4, hosts=1)
    fields = {"id": f"id-{name}", "name": name, "tag": "general", "facility": name.split(".")[0], "stats": stats}
    return facility_pb2.Allocation(**{**fields, **changes})


def a_subscription(allocation: str = "local.general", show: str = "demo", **changes: Any) -> Any:
    """Return a subscription of 10 cores guaranteed, 20 at most, 5 in use."""
    fields = {
        "id": f"id-{allocation}.{show}",
        "name": f"{allocation}.{show}",
        "show_name": show,
        "allocation_name": allocation,
        "size": 1000,
        "burst": 2000,
        "reserved_cores": 500,
    }
    return subscription_pb2.Subscription(**{**fields, **changes})
