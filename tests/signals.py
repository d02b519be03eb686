"""Signals to processes that were just started.

A signal that comes before a program has taken it over ends that program as any other: a test that stops
an agent must not depend on which of the two is faster.
"""
import pathlib
import signal
import time

NOBODY_TAKES = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT}


def takes(proc, sig):
    """Whether the process catches or blocks the signal, or is gone."""
    if sig in NOBODY_TAKES or proc.poll() is not None:
        return True
    try:
        text = pathlib.Path(f"/proc/{proc.pid}/status").read_text()
    except OSError:
        return proc.poll() is not None
    masks = dict(line.split(":", 1) for line in text.splitlines())
    return bool((int(masks["SigBlk"], 16) | int(masks["SigCgt"], 16)) >> (sig - 1) & 1)


def send_when_taken(proc, sig, timeout):
    """Sends the signal as soon as the process is ready for it; a process that has ended gets none."""
    deadline = time.monotonic() + timeout
    while not takes(proc, sig):
        if time.monotonic() > deadline:
            raise AssertionError(f"{proc.args} does not take {signal.Signals(sig).name} within "
                                 f"{timeout:.0f} s")
        time.sleep(0.002)
    if proc.poll() is None:
        proc.send_signal(sig)
