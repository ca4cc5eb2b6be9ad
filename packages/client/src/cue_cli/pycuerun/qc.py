"""The frame of the layer that `pycuerun --qc` adds: it keeps the job there until an artist has looked at the result.

It pauses its job, leaves a comment, and puts itself back into the queue. Unpausing the job asks again; eating or
marking the frame as done lets the job finish.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Hold the job that this frame belongs to, and return the exit status."""
    import opencue

    job_name, layer_name = os.environ.get("CUE_JOB"), os.environ.get("CUE_LAYER")
    if not job_name or not layer_name:
        sys.stderr.write("this is a frame of a job with quality control; CUE_JOB and CUE_LAYER are not set\n")
        return 1
    job = opencue.api.findJob(job_name)
    layers = [layer for layer in job.getLayers() if layer.name() == layer_name]
    if not layers:
        sys.stderr.write(f"job {job_name} has no layer {layer_name}\n")
        return 1
    job.pause()
    job.addComment("Waiting for quality control", f"Look at the result, then eat the frame of the layer {layer_name}.")
    layers[0].retry()
    return 0


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
