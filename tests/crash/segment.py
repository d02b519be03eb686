"""One generator, one receiver and one state directory through a number of lives of the agent, each ended
by SIGKILL, and a last one that must deliver everything and stop cleanly."""
import dataclasses
import signal
import subprocess
import time

import draw
from parts import Agent, Generator, Receiver, Violation, durable_bytes, wait_until

MIB = 1 << 20
DEFAULT_EXPOSED_MAX = 16 * MIB  # I3 in numbers, for lives with default flags
FIRST_ACK_PATIENCE_S = 20


@dataclasses.dataclass
class Life:
    """What is known about one life of the agent, after its end."""
    flags: list
    defaults: bool
    first_ack_s: float = None    # from its start; None if it was killed before
    met_faults: bool = False     # the receiver refused something before the first ack
    exposed: int = 0             # at the kill: arrived and not covered by a durable position
    duplicate_bytes: int = 0     # that arrived in this life
    allowed: int = 0             # what the life before had left exposed


@dataclasses.dataclass
class Outcome:
    lives: list = dataclasses.field(default_factory=list)
    lines: int = 0
    bytes: int = 0
    duplicate: int = 0
    missing: int = 0
    ghost: int = 0
    damaged: int = 0


class Segment:
    def __init__(self, sluice, directory, rng, cycles, io, after_life):
        self.sluice = sluice
        self.directory = directory
        self.rng = rng
        self.cycles = cycles
        self.io = io
        self.after_life = after_life
        self.outcome = Outcome()
        self.running = []
        (directory / "logs").mkdir(parents=True)

    # What a mode of its own may do otherwise.

    def environment(self):
        return {}

    def generator_flags(self):
        return draw.generator_flags(self.rng)

    def end_of(self, agent, life):
        """Ends a life; returns when the process is gone."""
        if self.rng.random() < 0.7:
            self.wait_first_ack(agent, life)
            time.sleep(self.rng.uniform(0, 0.6))
        else:
            time.sleep(self.rng.choice([0.02, 0.1, 0.4]) * self.rng.random())
        if not agent.alive():
            raise Violation(f"the agent ended by itself with {agent.proc.returncode}")
        agent.kill(signal.SIGKILL)

    # The run.

    def start(self, program):
        self.running.append(program)
        return program

    def run(self):
        try:
            return self.run_to_the_end()
        finally:
            for program in self.running:
                if program.alive():
                    program.proc.send_signal(signal.SIGCONT)
                    program.kill()

    def run_to_the_end(self):
        live, backlog = self.generator_flags()
        faults, self.clear = draw.receiver_flags(self.rng, 3 * self.cycles + 30)
        if backlog:
            if self.start(Generator(self.sluice, self.directory, backlog)).wait() != 0:
                raise Violation("the generator failed; see generator.log")
        self.receiver = self.start(Receiver(self.sluice, self.directory, faults))
        generator = self.start(Generator(self.sluice, self.directory, live))
        (self.directory / "segment.txt").write_text(
            f"generate {' '.join(live)}\nbefore   {backlog}\nreceive  {' '.join(faults)}\n")
        before = self.receiver.let_go()
        exposed = 0
        for _ in range(self.cycles):
            life = Life(*self.agent_flags(), allowed=exposed)
            before, exposed = self.live(life, before)
            self.outcome.lives.append(life)
            self.after_life(life)
        return self.settle(generator, before, exposed)

    def agent_flags(self):
        while True:
            flags, defaults = draw.agent_flags(self.rng, self.io)
            checked = subprocess.run([self.sluice, "check", *flags], capture_output=True, check=False)
            if checked.returncode == 0:
                return flags, defaults

    def agent(self, flags, env=None):
        return self.start(Agent(self.sluice, self.directory, self.receiver.url, "*.log*", flags, env))

    def live(self, life, before):
        stats = self.receiver.stats()
        self.acks_before = stats["status"].get("200", 0)
        self.faults_before = stats["faults_injected"] + stats["outages"]
        agent = self.agent(life.flags, self.environment())
        self.end_of(agent, life)
        now = self.receiver.let_go()
        life.exposed = now["bytes"] - durable_bytes(self.directory)
        life.duplicate_bytes = now["duplicate_bytes"] - before["duplicate_bytes"]
        self.judge(life)
        return now, life.exposed

    def wait_first_ack(self, agent, life):
        deadline = time.monotonic() + FIRST_ACK_PATIENCE_S
        while True:
            stats = self.receiver.stats()
            now = time.monotonic()
            if stats["status"].get("200", 0) > self.acks_before:
                break
            if not agent.alive():
                return
            if now > deadline:
                raise Violation(f"no ack within {FIRST_ACK_PATIENCE_S} s of a restart")
            time.sleep(0.003)
        life.first_ack_s = now - agent.started
        life.met_faults = stats["faults_injected"] + stats["outages"] > self.faults_before

    def judge(self, life):
        if life.exposed < 0:
            raise Violation(f"stored positions are {-life.exposed} bytes ahead of what arrived")
        if life.duplicate_bytes > life.allowed:
            raise Violation(f"{life.duplicate_bytes} duplicate bytes after a kill that had left "
                            f"{life.allowed} bytes without a durable position")
        if life.defaults and life.exposed > max(DEFAULT_EXPOSED_MAX, life.allowed + MIB):
            raise Violation(f"a life with default flags left {life.exposed / MIB:.1f} MiB exposed")

    def settle(self, generator, before, exposed):
        """Everything that was written arrives, the stop is clean, and nothing else ever came."""
        ledger = generator.stop()
        last = Life(["-io", self.io or "auto"], True, allowed=exposed)
        agent = self.agent(last.flags)
        wait_until(lambda: self.receiver.ask("/verify")["unique"] >= ledger["lines"],
                   "every line arrives after the last restart")
        if agent.kill(signal.SIGTERM) != 0:
            raise Violation("the last, clean stop failed; see agent.log")
        report = self.receiver.let_go()
        last.duplicate_bytes = report["duplicate_bytes"] - before["duplicate_bytes"]
        last.exposed = report["bytes"] - durable_bytes(self.directory)
        self.judge(last)
        if last.exposed != 0:
            raise Violation(f"after a clean stop {last.exposed} delivered bytes have no position")
        report = self.receiver.finish()
        result = self.outcome
        result.lines, result.bytes = ledger["lines"], ledger["bytes"]
        for name in ("duplicate", "missing", "ghost", "damaged"):
            setattr(result, name, report[name])
        if not report["complete"]:
            raise Violation(f"missing {report['missing']}, ghosts {report['ghost']}, damaged "
                            f"{report['damaged']} of {ledger['lines']} lines")
        return result
