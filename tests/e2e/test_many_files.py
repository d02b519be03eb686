"""Very many files, few descriptors, many restarts: what a busy host does to an agent."""
import os
import signal
import time

from world import PATIENCE_S, SLUICE, World, is_sanitized, wait_until

# Beside other tests on two cores everything takes longer; alone it is a few seconds.
SLOWNESS = max(1.0, PATIENCE_S / 30)


def memory_peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ManyFiles(World):
    def write_files(self, count, lines, first=0):
        for i in range(count):
            with open(self.logs / f"f{i}.log", "a", encoding="ascii") as file:
                file.write("".join(f"file {i} line {first + k}\n" for k in range(lines)))

    def descriptors(self, agent):
        return len(os.listdir(f"/proc/{agent.proc.pid}/fd"))

    def test_dsc_6_ten_thousand_files_within_a_second_or_two(self):
        receiver = self.receiver("--count")
        agent = self.agent(receiver.url, command=("prlimit", "--nofile=4096:4096", SLUICE))
        agent.wait_said("running")
        self.write_files(10_000, 10)
        begin = time.monotonic()
        self.wait_lines(receiver, 100_000, 30 * SLOWNESS)
        print(f"delivered {time.monotonic() - begin:.1f} s after the last one was written")
        self.assertLessEqual(self.descriptors(agent), 4096)
        self.write_files(10_000, 1, first=10)
        self.wait_lines(receiver, 110_000, 30 * SLOWNESS)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["lines"], 110_000, "each line once")

    def test_dsc_7_a_thousand_files_that_live_for_five_milliseconds(self):
        inbox = self.inbox()
        agent = self.agent_with_admin(inbox.url)
        before = self.descriptors(agent)
        for i in range(1000):
            path = self.logs / f"short{i}.log"
            path.write_text(f"short life {i}\n")
            time.sleep(0.005)  # what is tried is this very age
            path.unlink()
        (self.logs / "last.log").write_text("last\n")
        wait_until(lambda: "last" in inbox.lines(), "the agent goes on")
        wait_until(lambda: self.descriptors(agent) <= before + 5, "deleted files are let go")
        unread = self.total(agent, "sluice_files_vanished_unread_total")
        self.assertEqual(agent.stop(), 0, agent.text())
        lines = inbox.lines()
        print(f"{len(lines) - 1} of 1000 were captured, {unread:.0f} vanished unread")
        self.assertEqual(len(lines) - 1 + unread, 1000, "what is not captured is counted")
        self.assertEqual(len(lines), len(set(lines)), "none twice")
        self.assertLessEqual(set(lines), {f"short life {i}" for i in range(1000)} | {"last"})
        self.assertGreater(len(lines), 100, "most can be opened in time")

    def test_res_9_ten_thousand_idle_files_cost_next_to_nothing(self):
        receiver = self.receiver("--count")
        self.write_files(10_000, 1)
        agent = self.agent_with_admin(receiver.url)
        self.wait_lines(receiver, 10_000, 30 * SLOWNESS)
        time.sleep(5)  # the last files come to rest: what is measured is idleness
        before = cpu_seconds(agent.proc.pid)
        time.sleep(20)
        used = cpu_seconds(agent.proc.pid) - before
        print(f"idle: {used / 20:.2%} of a core, peak {memory_peak_kib(agent.proc.pid)} KiB")
        if not is_sanitized():
            self.assertLess(used / 20, 0.01)
            self.assertLess(memory_peak_kib(agent.proc.pid), 96 << 10)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_res_11_ten_thousand_growing_files_without_a_receiver_stay_in_their_memory(self):
        receiver = self.receiver("--count")
        port = receiver.port
        receiver.stop()
        agent = self.agent_with_admin(receiver.url)
        for k in range(3):
            self.write_files(10_000, 20, first=20 * k)
        wait_until(lambda: self.total(agent, "sluice_files_added_total") >= 10_000
                   or self.descriptors(agent) > 500, "files are followed", 60 * SLOWNESS)
        time.sleep(5)  # long enough for reads that should not happen
        if not is_sanitized():
            self.assertLess(memory_peak_kib(agent.proc.pid), 160 << 10)
        receiver = self.receiver("--count", port=port)
        self.wait_lines(receiver, 600_000, 60 * SLOWNESS)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["lines"], 600_000, "each line once")

    def test_res_1_five_thousand_files_and_256_descriptors(self):
        receiver = self.receiver("--count")
        self.write_files(5_000, 3)
        agent = self.agent(receiver.url, command=("prlimit", "--nofile=256:256", SLUICE))
        self.wait_lines(receiver, 15_000, 60 * SLOWNESS)
        self.assertLessEqual(self.descriptors(agent), 256)
        self.write_files(400, 1, first=3)
        self.wait_lines(receiver, 15_400, 60 * SLOWNESS)
        self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(self.stats(receiver)["lines"], 15_400, "each line once")

    def test_cra_12_fifty_restarts_lose_nothing_and_lag_shrinks(self):
        inbox = self.inbox()
        written = []
        for life in range(50):
            with open(self.logs / "a.log", "a", encoding="ascii") as file:
                for k in range(20):
                    written.append(f"life {life} line {k}")
                    file.write(written[-1] + "\n")
            agent = self.agent(inbox.url, "-checkpoint-interval", "50ms")
            # Each life gets at least as far as the one before it.
            wait_until(lambda: len(set(inbox.lines())) == len(written), f"life {life} delivers")
            if life % 2:
                agent.stop(signal.SIGKILL)
            else:
                self.assertEqual(agent.stop(), 0, agent.text())
        self.assertEqual(sorted(set(inbox.lines())), sorted(written))
        # A life repeats at most what came after the last checkpoint of the one before.
        self.assertLess(len(inbox.lines()), 2 * len(written))
