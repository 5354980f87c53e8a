"""A relay whose disk fails when a test says so: build/tests/fault/disk.so, preloaded into the server."""
import contextlib
import errno
import mmap
import struct
import time

from relay import PATIENCE, Relay, preloaded

WRITE, SYNC, TRUNCATE, OPEN = 1, 2, 4, 8
FULL, BROKEN, READ_ONLY = errno.ENOSPC, errno.EIO, errno.EROFS
EVER = 0  # all from the first that fails on, until told otherwise
LAYOUT = struct.Struct("=6I")  # struct switches of tests/fault/disk.c


class FaultyRelay(Relay):
    """Nothing fails before `arm`."""

    def start(self, listen="127.0.0.1:0"):
        if not self.environment:
            path = self.folder / "switches"
            path.write_bytes(bytes(LAYOUT.size))
            with open(path, "r+b") as f:
                self.switches = mmap.mmap(f.fileno(), LAYOUT.size)
            self.environment = preloaded("disk", FAULT_FOLDER=str(self.data.resolve()), FAULT_FILE=str(path))
        super().start(listen)

    def arm(self, calls, error, first=1, count=EVER):
        """From now on the calls of that kind fail, beginning with the first-th."""
        self.disarm()
        LAYOUT.pack_into(self.switches, 0, 0, error, first, count, 0, 0)
        self.switches[:4] = struct.pack("=I", calls)  # last: it is what counts

    def disarm(self):
        self.switches[:4] = bytes(4)

    def failed(self):
        """How many calls have failed since `arm`."""
        return LAYOUT.unpack(self.switches[:])[5]

    def until_failed(self):
        """For loops that go on until a call has failed since `arm`."""
        end = time.monotonic() + PATIENCE
        while not self.failed():
            assert time.monotonic() < end, "no call of that kind has failed"
            yield

    @contextlib.contextmanager
    def fault(self, *what, **how):
        self.arm(*what, **how)
        try:
            yield
        finally:
            self.disarm()

    def leave(self, kill=False):
        self.disarm()
        super().leave(kill)
