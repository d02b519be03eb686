"""Proxies on the way to a destination: HTTP, HTTPS and SOCKS5, named or from the environment; row SNK-27."""
import base64
import os
import select
import shutil
import socket
import struct

from raw_receiver import Gone, Listener, RawReceiver
from test_sinks import SinkWorld
from tls_world import Authority, server_context
from world import wait_until

FAST = ("-retry-max-delay", "300ms", "-connect-timeout", "2s", "-request-timeout", "5s",
        "-shutdown-timeout", "2s")


class Proxy(Listener):
    """Tells HTTP from SOCKS5 by the first byte. `hosts` maps names to ports of this machine."""

    def __init__(self, hosts=None, context=None):
        self.hosts = hosts or {}
        self.wants = None  # user, password
        self.refuses = 0   # a status for who asks for a tunnel
        self.heads = []
        self.asked = []    # hosts, by SOCKS5
        super().__init__(0, context)

    def reach(self, host, port):
        # Names of the test are known to the proxy alone.
        return socket.create_connection(("127.0.0.1", self.hosts.get(host, port)), 5)

    def serve(self, sock):
        first = sock.recv(1)
        if first == b"\x05":
            return self.serve_socks(sock)
        head = first
        while b"\r\n\r\n" not in head:
            got = sock.recv(65536)
            if not got:
                raise Gone
            head += got
        head, _, rest = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.heads.append(lines)
        method, target, _ = lines[0].split(" ")
        if self.wants:
            pair = base64.b64encode(":".join(self.wants).encode()).decode()
            if f"Proxy-Authorization: Basic {pair}" not in lines:
                sock.sendall(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\n"
                             b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                return None
        if self.refuses:
            sock.sendall(f"HTTP/1.1 {self.refuses} No\r\nContent-Length: 0\r\n\r\n".encode())
            return None
        if method == "CONNECT":
            host, port = target.rsplit(":", 1)
            there = self.reach(host, int(port))
            sock.sendall(b"HTTP/1.1 200 There you are\r\n\r\n")
            return self.join(sock, there, rest)
        host, _, port = target.split("//", 1)[1].split("/", 1)[0].partition(":")
        there = self.reach(host, int(port or 80))
        there.sendall(head + b"\r\n\r\n" + rest)
        return self.join(sock, there, b"")

    def serve_socks(self, sock):
        methods = sock.recv(sock.recv(1)[0])
        if self.wants:
            if 2 not in methods:
                return sock.sendall(b"\x05\xff")
            sock.sendall(b"\x05\x02")
            sock.recv(1)
            user = sock.recv(sock.recv(1)[0]).decode()
            password = sock.recv(sock.recv(1)[0]).decode()
            if (user, password) != self.wants:
                return sock.sendall(b"\x01\x01")
            sock.sendall(b"\x01\x00")
        else:
            sock.sendall(b"\x05\x00")
        kind = sock.recv(4)[3]
        if kind == 1:
            host = socket.inet_ntoa(sock.recv(4))
        else:
            host = sock.recv(sock.recv(1)[0]).decode()
        port = struct.unpack(">H", sock.recv(2))[0]
        self.asked.append(host)
        there = self.reach(host, port)
        sock.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        return self.join(sock, there, b"")

    def join(self, one, other, rest):
        if rest:
            other.sendall(rest)
        with other:
            while True:
                ready = select.select([one, other], [], [], 30)[0]
                pending = getattr(one, "pending", lambda: 0)()
                for sock in set(ready) | ({one} if pending else set()):
                    data = sock.recv(65536)
                    if not data:
                        return
                    (other if sock is one else one).sendall(data)


class Proxies(SinkWorld):
    def setUp(self):
        super().setUp()
        self.clean = {name: "" for name in os.environ if name.lower().endswith("_proxy")}

    def proxy(self, *args, **others):
        made = Proxy(*args, **others)
        self.addCleanup(made.close)
        return made

    def tls(self, names="DNS:logs.example.invalid,IP:127.0.0.1"):
        authority = Authority(self.dir / "pki")
        self.ca = self.dir / "trusted.pem"
        shutil.copy(authority.file, self.ca)
        return authority.issue("good", names=names)

    def to(self, url, *flags, env=None):
        return self.agent_with_admin(url, *FAST, *flags, env={**self.clean, **(env or {})})

    def test_a_named_proxy_passes_requests_in_clear_text_on(self):
        box = self.raw()
        proxy = self.proxy({"logs.example.invalid": box.port})
        lines = self.noise(200)
        agent = self.to("http://logs.example.invalid/ingest", "-proxy", f"http://127.0.0.1:{proxy.port}")
        self.once(box, lines, agent)
        self.assertEqual(proxy.heads[0][0], "POST http://logs.example.invalid/ingest HTTP/1.1")

    def test_a_tunnel_shows_the_proxy_nothing_of_the_request(self):
        box = RawReceiver(context=server_context(self.tls()))
        self.addCleanup(box.close)
        proxy = self.proxy({"logs.example.invalid": box.port})
        lines = self.noise(200)
        agent = self.to("https://logs.example.invalid/ingest", "-proxy",
                        f"http://127.0.0.1:{proxy.port}", "-tls-ca", self.ca, "-bearer", "tok3n",
                        "-headers", "X-Api-Key: k3y")
        self.once(box, lines, agent)
        self.assertEqual(proxy.heads[0][0], "CONNECT logs.example.invalid:443 HTTP/1.1")
        self.assertNotIn("tok3n", str(proxy.heads))
        self.assertNotIn("k3y", str(proxy.heads))
        self.assertEqual(box.requests[0].headers["authorization"], "Bearer tok3n")

    def test_a_proxy_that_is_spoken_to_over_tls(self):
        box = self.raw()
        proxy = self.proxy({"logs.example.invalid": box.port}, context=server_context(self.tls()))
        lines = self.noise(200)
        agent = self.to("http://logs.example.invalid/ingest", "-proxy",
                        f"https://127.0.0.1:{proxy.port}", "-tls-ca", self.ca)
        self.once(box, lines, agent)
        self.assertTrue(proxy.heads)

    def test_socks5_with_a_password_and_names_that_the_proxy_resolves(self):
        box = self.raw()
        proxy = self.proxy({"logs.example.invalid": box.port})
        proxy.wants = ("agent", "p4ss")
        lines = self.noise(200)
        agent = self.to("http://logs.example.invalid/ingest", "-proxy",
                        f"socks5h://127.0.0.1:{proxy.port}", "-proxy-username", "agent",
                        "-proxy-password", "p4ss")
        self.once(box, lines, agent)
        self.assertEqual(proxy.asked[0], "logs.example.invalid")

    def test_the_environment_counts_unless_something_is_named(self):
        box = self.raw()
        proxy = self.proxy()
        other = self.proxy()
        env = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
        for flags, variables, who in (((), env, proxy), (("-proxy", "off"), env, None),
                                      (("-no-proxy", "127.0.0.1"), env, None),
                                      ((), {**env, "no_proxy": "127.0.0.0/8"}, None),
                                      (("-proxy", f"http://127.0.0.1:{other.port}"),
                                       {**env, "no_proxy": "*"}, other)):
            with self.subTest(f"{flags} {variables}"):
                proxy.heads.clear()
                other.heads.clear()
                self.state = self.dir / f"state-{len(box.requests)}"
                lines = self.noise(20, name=f"{len(box.requests)}.log")
                agent = self.to(box.url, *flags, env=variables)
                self.all_there(box, lines)
                self.assertEqual(agent.stop(), 0, agent.text())
                self.assertEqual([bool(each.heads) for each in (proxy, other)],
                                 [who is proxy, who is other])

    def test_snk_27_a_proxy_that_asks_for_credentials_holds_with_an_alarm(self):
        password = self.dir / "password"
        for scheme, tunnel in (("http", False), ("https", True)):
            with self.subTest(scheme):
                self.state = self.dir / f"state-{scheme}"
                self.logs = self.dir / f"logs-{scheme}"
                self.logs.mkdir()
                box = RawReceiver(context=server_context(self.tls()) if tunnel else None)
                self.addCleanup(box.close)
                proxy = self.proxy({"logs.example.invalid": box.port})
                proxy.wants = ("agent", "new-p4ss")
                password.write_text("old-p4ss\n")
                lines = self.noise(50)
                flags = ("-tls-ca", self.ca) if tunnel else ()
                agent = self.to(f"{scheme}://logs.example.invalid/ingest", "-proxy",
                                f"http://127.0.0.1:{proxy.port}", "-proxy-username", "agent",
                                "-proxy-password", f"${{file:{password}}}", *flags)
                agent.wait_said('error.*proxy_password.*outcome="HTTP 407"')
                wait_until(lambda: self.total(agent, "sluice_destination_holds_total") >= 2, "it holds")
                self.assertEqual(box.connections, 0)
                password.write_text("new-p4ss\n")
                self.once(box, lines, agent)
                self.assertNotIn("p4ss", agent.text())

    def test_snk_27_a_tunnel_that_is_refused_is_tried_again(self):
        box = RawReceiver(context=server_context(self.tls()))
        self.addCleanup(box.close)
        proxy = self.proxy({"logs.example.invalid": box.port})
        proxy.refuses = 503
        lines = self.noise(50)
        agent = self.to("https://logs.example.invalid/ingest", "-proxy",
                        f"http://127.0.0.1:{proxy.port}", "-tls-ca", self.ca)
        agent.wait_said("no connection to the destination.*503")
        proxy.refuses = 403
        wait_until(lambda: len(proxy.heads) >= 4, "it is tried again")
        proxy.refuses = 0
        self.once(box, lines, agent)

    def test_what_is_no_proxy_is_refused_with_its_remedy(self):
        for flags, remedy in ((("-proxy", "proxy:3128"), "expected http://"),
                              (("-proxy", "ftp://x"), "expected http://"),
                              (("-proxy", "http://user:p4ss@x:1"), "proxy_password"),
                              (("-proxy", "http://x:1", "-proxy-password", "p4ss"), "proxy_username"),
                              (("-proxy-username", "x"), "no proxy")):
            with self.subTest(flags):
                text = self.ends(78, "check", *flags)
                self.assertIn(remedy, text)
                self.assertNotIn("p4ss", text)
