"""What holds for all tests."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile

import pytest
import structlog
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would the programs that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Farms of tests are announced in a folder of their own: no client outside finds them."""
    os.environ["RQD_RUN_AS_ROOT"] = "1"  # agents of tests that root runs; what they refuse without it has a test
    runtime = tempfile.mkdtemp(prefix="cuefarm-tests-")
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = runtime

    def restore() -> None:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(runtime, ignore_errors=True)

    config.add_cleanup(restore)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))  # as a server's by default


# A busy machine makes a test slow, not wrong.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
