"""Rows of files that are gone, put into a checkpoint store that nobody has open. The checksums are those of
src/platform/CHECKPOINTS.md."""
import ctypes
import sqlite3
import struct
import time

VERSION = 1
DAY_NS = 86_400_000_000_000
XXHASH = ctypes.CDLL("libxxhash.so.0")
XXHASH.XXH3_64bits_withSeed.restype = ctypes.c_uint64
XXHASH.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def checksum(row):
    packed = b"".join(struct.pack("<q", len(value)) + value.encode() if isinstance(value, str)
                      else struct.pack("<q", value) for value in row)
    sum64 = XXHASH.XXH3_64bits_withSeed(packed, len(packed), VERSION)
    return sum64 - (1 << 64) if sum64 >> 63 else sum64


def add_dead(state, logs, rows, old_days):
    """Files of names that the pattern wants, delivered to their end, gone since `old_days`."""
    store = sqlite3.connect(state / "checkpoints.db")
    first = store.execute("SELECT max(row) FROM checkpoint").fetchone()[0] + 1
    gone_since = time.time_ns() - old_days * DAY_NS

    def made():
        for i in range(rows):
            row = (first + i, "default", f"{logs}/dead-{i:07}.log", 1 << 20, (1 << 40) + i, gone_since,
                   64, i, 0, 1000 + i, 64, i * 7, gone_since, 1)
            yield (*row, checksum(row))
    with store:
        store.executemany(f"INSERT INTO checkpoint VALUES({','.join('?' * 15)})", made())
    store.close()


def count(state):
    store = sqlite3.connect(state / "checkpoints.db")
    try:
        return store.execute("SELECT count(*) FROM checkpoint").fetchone()[0]
    finally:
        store.close()
