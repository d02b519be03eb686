"""A destination at several addresses: who gets the lines, and what happens when one goes away and comes back."""
import signal
import unittest

from world import World, free_port, wait_until


class Endpoints(World):
    def two(self, *flags):
        return self.receiver(*flags), self.receiver(*flags)

    def lines_of(self, receiver):
        return self.stats(receiver)["lines"]

    def write(self, first, count):
        with open(self.logs / "a.log", "a") as file:
            file.writelines(f"line {i}\n" for i in range(first, first + count))

    def test_failover_to_the_second_and_back_to_the_first(self):
        first, second = self.two()
        agent = self.agent_with_admin(f"{first.url},{second.url}")
        self.write(0, 100)
        self.wait_lines(first, 100)
        self.assertEqual(self.lines_of(second), 0, "a reserve gets nothing while the first takes all")
        self.assertEqual(first.stop(), 0)
        self.write(100, 100)
        self.wait_lines(second, 100)
        wait_until(lambda: self.total(agent, "sluice_endpoints_healthy") == 1, "it is counted")
        self.assertEqual(self.total(agent, "sluice_endpoints"), 2)
        self.assertEqual(self.total(agent, "sluice_endpoints_given_up_total"), 1)
        self.assertTrue(agent.said("an endpoint takes no requests; the others get them"), agent.text())
        again = self.receiver(port=first.port)
        written = 200

        def is_back():
            nonlocal written
            self.write(written, 10)
            written += 10
            return self.total(agent, "sluice_endpoints_healthy") == 2

        wait_until(is_back, "the first is tried again")
        self.assertTrue(agent.said("an endpoint takes requests again"), agent.text())
        wait_until(lambda: self.lines_of(again) + self.lines_of(second) + 100 == written,
                   "each line arrives once")
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_an_endpoint_that_hangs_is_left_by_its_requests(self):
        first, second = self.two()
        agent = self.agent_with_admin(f"{first.url},{second.url}", "-request-timeout", "500ms")
        first.proc.send_signal(signal.SIGSTOP)
        self.write(0, 100)
        self.wait_lines(second, 100)
        first.proc.send_signal(signal.SIGCONT)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_spread_sends_to_both(self):
        first, second = self.two("--fault", "delay=20ms")
        agent = self.agent(f"{first.url},{second.url}", "-balance", "spread", "-batch", "10")
        self.write(0, 2000)
        wait_until(lambda: self.lines_of(first) + self.lines_of(second) == 2000, "2,000 lines")
        self.assertEqual(agent.stop(), 0, agent.text())
        for receiver in (first, second):
            self.assertGreater(self.lines_of(receiver), 500)

    def test_with_none_left_the_lines_wait_for_whichever_comes_first(self):
        ports = [free_port(), free_port()]
        agent = self.agent(",".join(f"http://127.0.0.1:{port}/ingest" for port in ports),
                           "-retry-max-delay", "1s")
        self.write(0, 100)
        agent.wait_said("an endpoint takes no requests")
        late = self.receiver(port=ports[1])
        self.wait_lines(late, 100)
        self.assertEqual(agent.stop(), 0, agent.text())

    def test_mistakes_are_told_before_anything_is_sent(self):
        text = self.ends(78, "check", "-paths", str(self.logs / "*"), "-endpoint",
                         "http://a:secretone@h/,http://b:secrettwo@g/")
        self.assertIn("have different users", text)
        self.assertNotIn("secret", text)
        self.assertIn("twice", self.ends(78, "check", "-paths", str(self.logs / "*"),
                                         "-endpoint", "http://h/,http://h/"))


if __name__ == "__main__":
    unittest.main()
