"""A disk that hangs: whoever looks at it waits in the kernel, and no signal ends that, until the disk is let go."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

import pytest

_INIT = 26
_IN_HEADER_BYTES = 40
_REQUEST_BYTES_MAX = 1 << 17
_MNT_DETACH = 2
_LIBC = ctypes.CDLL(None, use_errno=True)


class HangingDisk:
    """A FUSE file system of which this process is the server, and answers nothing."""

    def __init__(self, folder: Path) -> None:
        """Mount it; skips the test where that cannot be done."""
        self._folder = folder
        folder.mkdir()
        try:
            self._fd = os.open("/dev/fuse", os.O_RDWR)
        except OSError:
            pytest.skip("no /dev/fuse here")
        options = f"fd={self._fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        if _LIBC.mount(b"hanging", bytes(folder), b"fuse", 0, options.encode()) != 0:
            os.close(self._fd)
            pytest.skip("nothing can be mounted here")
        opcode, number = struct.unpack_from("=4xIQ", os.read(self._fd, _REQUEST_BYTES_MAX))
        assert opcode == _INIT
        said = struct.pack("=IIIIHHIIHH32x", 7, 31, 0, 0, 1, 1, 4096, 1, 1, 0)
        os.write(self._fd, struct.pack("=IiQ", 16 + len(said), 0, number) + said)

    def await_victim(self) -> None:
        """Return when somebody has asked for something: it waits for us from now on."""
        assert len(os.read(self._fd, _REQUEST_BYTES_MAX)) >= _IN_HEADER_BYTES

    def let_go(self) -> None:
        """Have everybody go on, with an error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            _LIBC.umount2(bytes(self._folder), _MNT_DETACH)
