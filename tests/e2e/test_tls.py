"""TLS and credentials of a destination: what is refused, what is sent, what follows a rotated file."""
import base64
import hashlib
import hmac
import os
import shutil
import ssl
import time
import urllib.error

from tls_world import Authority, Destination, Nginx, Silence, server_context
from world import World, free_port, wait_until

FAST = ("-retry-max-delay", "300ms", "-connect-timeout", "2s", "-shutdown-timeout", "2s")


class TlsWorld(World):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.dir / "pki")
        self.ca = self.dir / "trusted.pem"
        shutil.copy(self.authority.file, self.ca)

    def destination(self, *args, **others):
        made = Destination(*args, **others)
        self.addCleanup(made.close)
        return made

    def write(self, *lines, name="a.log"):
        with open(self.logs / name, "a", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines))

    def wait_lines_at(self, destination, *lines):
        wait_until(lambda: destination.lines() == sorted(lines),
                   f"{lines} arrive once; here are {destination.lines()}")

    def stop(self, agent):
        self.assertEqual(agent.stop(), 0, agent.text())

    def rotate(self, path, text):
        """As careful people do it: written beside, then renamed."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text)
        os.replace(fresh, path)


class Certificates(TlsWorld):
    def refuses(self, context, *flags, words="certificate"):
        """The agent holds with an alarm and not one byte of a request leaves; returns both."""
        box = self.destination(context)
        self.write("one", "two")
        agent = self.agent_with_admin(box.url, "-tls-ca", self.ca, *FAST, *flags)
        said = agent.wait_said(f"(?i)error.*certificate that both sides accept.*{words}")
        wait_until(lambda: self.total(agent, "sluice_destination_holds_total") >= 2,
                   "it tries again, slowly")
        self.assertIn("outcome=certificate", said)
        self.assertEqual(box.spoken, 0, "nothing may be sent to whoever this is")
        self.assertEqual(self.total(agent, "sluice_destination_healthy"), 0)
        return box, agent

    def delivers_after(self, box, agent):
        self.wait_lines_at(box, "one", "two")
        wait_until(lambda: self.total(agent, "sluice_destination_healthy") == 1, "it is healthy")
        self.stop(agent)
        self.assertEqual(box.lines(), ["one", "two"])

    def good(self):
        return server_context(self.authority.issue("good"))

    def test_snk_19_an_expired_certificate_gets_nothing_until_it_is_renewed(self):
        box, agent = self.refuses(server_context(self.authority.issue("old", days=-1)),
                                  words="expired")
        box.context = self.good()
        self.delivers_after(box, agent)

    def test_snk_19_a_certificate_of_another_name_gets_nothing_until_it_is_right(self):
        pair = self.authority.issue("other", names="DNS:example.net")
        box, agent = self.refuses(server_context(pair), words="127.0.0.1")
        box.context = self.good()
        self.delivers_after(box, agent)

    def test_snk_19_an_unknown_authority_gets_nothing_until_the_agent_is_told_of_it(self):
        other = Authority(self.dir / "other-pki")
        box, agent = self.refuses(server_context(other.issue("good")))
        self.rotate(self.ca, self.authority.file.read_text() + other.file.read_text())
        self.delivers_after(box, agent)

    def test_snk_19_a_key_that_is_not_pinned_gets_nothing_until_the_right_one_is_there(self):
        good, other = self.authority.issue("good"), self.authority.issue("other")
        box, agent = self.refuses(server_context(other), "-tls-pin", self.authority.pin(good[0]))
        box.context = server_context(good)
        self.delivers_after(box, agent)

    def test_snk_20_a_handshake_that_hangs_ends_at_the_connect_timeout(self):
        silence = Silence()
        other = self.inbox()
        config = self.dir / "sluice.yaml"
        config.write_text(f"""
paths: {self.logs}/*.log
state: {self.state}
admin: off
tls_ca: {self.ca}
retry_max_delay: 300ms
connect_timeout: 500ms
destinations:
  silent: {{endpoint: "https://127.0.0.1:{silence.port}/ingest"}}
  other: {{endpoint: "{other.url}"}}
""")
        self.write("one", "two")
        agent = self.start("run", "-c", config)
        agent.wait_said("no connection to the destination.*silent")
        wait_until(lambda: len(silence.accepted) >= 3, "it tries again")
        self.assertLess(silence.received() / len(silence.accepted), 2000, "a greeting at most")
        wait_until(lambda: other.lines() == ["one", "two"], "the other destination is served")
        silence.close()
        box = self.destination(self.good(), port=silence.port)
        self.wait_lines_at(box, "one", "two")
        self.stop(agent)
        self.assertEqual(box.lines(), ["one", "two"])
        self.assertEqual(other.lines(), ["one", "two"])

    def test_a_version_that_is_too_old_is_refused(self):
        box = self.destination(server_context(self.authority.issue("good"),
                                              newest=ssl.TLSVersion.TLSv1_2))
        self.write("one")
        agent = self.agent(box.url, "-tls-ca", self.ca, "-tls-min-version", "1.3", *FAST)
        agent.wait_said("TLS handshake breaks.*tls-min-version.*outcome=tls")
        self.assertEqual(box.spoken, 0)
        box.context = self.good()
        self.wait_lines_at(box, "one")
        self.stop(agent)

    def test_the_certificate_and_the_request_may_name_another_host_than_the_address(self):
        pair = self.authority.issue("named", names="DNS:logs.example.net")
        box = self.destination(server_context(pair))
        self.write("one")
        agent = self.agent(box.url, "-tls-ca", self.ca, "-tls-server-name", "logs.example.net",
                           *FAST)
        self.wait_lines_at(box, "one")
        self.stop(agent)
        self.assertEqual(box.names[0], "logs.example.net")
        self.assertEqual(box.seen("Host")[0], f"logs.example.net:{box.port}")

    def test_authorities_may_be_a_directory(self):
        directory = self.dir / "authorities"
        directory.mkdir()
        shutil.copy(self.authority.file, directory / "ca.pem")
        self.authority.openssl("rehash", directory)
        box = self.destination(self.good())
        self.write("one")
        agent = self.agent(box.url, "-tls-ca", directory, *FAST)
        self.wait_lines_at(box, "one")
        self.stop(agent)

    def test_a_renewed_certificate_of_the_agent_is_shown_without_a_restart(self):
        pair = self.authority.issue("good")
        box = self.destination(server_context(pair, client_authority=self.authority.file))
        stranger = Authority(self.dir / "other-pki").issue("agent", "DNS:agent")
        cert, key = self.dir / "agent.pem", self.dir / "agent.key"
        shutil.copy(stranger[0], cert)
        shutil.copy(stranger[1], key)
        self.write("one")
        agent = self.agent(box.url, "-tls-ca", self.ca, "-tls-cert", cert, "-tls-key", key, *FAST)
        agent.wait_said("certificate that both sides accept.*unknown ca")
        self.assertEqual(box.spoken, 0)
        known = self.authority.issue("agent", "DNS:agent")
        self.rotate(key, known[1].read_text())
        self.rotate(cert, known[0].read_text())
        self.wait_lines_at(box, "one")
        self.stop(agent)
        self.assertEqual(box.certificates[-1]["subject"][0][0], ("commonName", "agent"))


class RealServers(TlsWorld):
    def nginx(self, pair, inner, extra=""):
        server = Nginx(self.dir / "nginx", pair, inner.port, free_port(), extra)
        self.addCleanup(server.close)
        wait_until(server.ready, "nginx listens")
        return server

    def test_nginx_with_mutual_tls_takes_lines_over_http2(self):
        box = self.destination()
        server = self.nginx(
            self.authority.issue("nginx", "DNS:logs.example.net"), box,
            f"ssl_client_certificate {self.authority.file}; ssl_verify_client on;"
            "ssl_protocols TLSv1.3;")
        cert, key = self.authority.issue("agent", "DNS:agent")
        pin = self.authority.pin(self.dir / "pki" / "nginx.pem")
        token = self.dir / "token"
        token.write_text("first-token\n")
        agent = self.agent(server.url, "-tls-ca", self.ca, "-tls-cert", cert, "-tls-key", key,
                           "-tls-server-name", "logs.example.net", "-tls-pin", pin,
                           "-tls-min-version", "1.3", "-bearer", f"${{file:{token}}}", *FAST)
        self.write("one")
        self.wait_lines_at(box, "one")
        self.rotate(token, "second-token\n")
        deadline = time.monotonic() + 30
        count = 0
        while box.seen("Authorization")[-1] != "Bearer second-token":
            self.assertLess(time.monotonic(), deadline, box.seen("Authorization"))
            count += 1
            self.write(f"more {count}")
            wait_until(lambda: len(box.lines()) == 1 + count, "the line arrives")
        self.stop(agent)
        self.assertEqual(box.seen("Authorization")[0], "Bearer first-token")
        wait_until(lambda: len(server.log()) >= 2, "nginx has logged")
        self.assertEqual(set(server.log()), {"HTTP/2.0 200 TLSv1.3 logs.example.net SUCCESS"})

    def test_the_receiver_of_the_same_binary_takes_lines_over_tls(self):
        cert, key = self.authority.issue("receiver")
        receiver = self.receiver("--cert", cert, "--key", key, "--out", self.received)
        self.write("one", "two")
        agent = self.agent(receiver.url.replace("http://", "https://"), "-tls-ca", self.ca, *FAST)
        wait_until(lambda: self.received_lines().get("a.log") == b"one\ntwo\n", "both arrive")
        self.stop(agent)


class Credentials(TlsWorld):
    def test_snk_9_a_refused_token_is_replaced_in_its_file_and_lines_arrive_without_a_restart(self):
        box = self.destination()
        box.accepts = lambda headers, _: (
            200 if headers.get("Authorization") == "Bearer new-token" else 401)
        token = self.dir / "token"
        token.write_text("old-token\n")
        self.write("one", "two")
        config = self.dir / "sluice.yaml"
        config.write_text(f"""
paths: {self.logs}/*.log
state: {self.state}
admin: off
endpoint: {box.url}
retry_max_delay: 300ms
bearer: "${{file:{token}}}"
""")
        agent = self.start("run", "-c", config)
        agent.wait_said("does not accept the credentials")
        self.rotate(token, "")  # a rotation that is not through yet
        before = len(box.requests)
        wait_until(lambda: len(box.requests) > before + 2, "it goes on with the old one")
        self.assertEqual(set(box.seen("Authorization")), {"Bearer old-token"})
        self.rotate(token, "new-token\n")
        self.wait_lines_at(box, "one", "two")
        self.stop(agent)
        self.assertEqual(box.lines(), ["one", "two"])
        self.assertNotIn("-token", agent.text())

    def test_an_api_key_in_a_header_follows_its_file(self):
        box = self.destination()
        box.accepts = lambda headers, _: 200 if headers.get("X-Api-Key") == "id:key-2" else 403
        key = self.dir / "key"
        key.write_text("key-1")
        self.write("one")
        agent = self.agent(box.url, "-headers", f"X-Api-Key: id:${{file:{key}}}", *FAST)
        agent.wait_said("forbids this")
        key.write_text("key-2")
        self.wait_lines_at(box, "one")
        self.stop(agent)

    def test_a_password_follows_its_file(self):
        box = self.destination()
        password = self.dir / "password"
        password.write_text("pass one")
        wanted = "Basic " + base64.b64encode(b"ann:pass two").decode()
        box.accepts = lambda headers, _: 200 if headers.get("Authorization") == wanted else 401
        self.write("one")
        agent = self.agent(box.url, "-username", "ann", "-password", f"${{file:{password}}}", *FAST)
        agent.wait_said("does not accept the credentials")
        password.write_text("pass two")
        self.wait_lines_at(box, "one")
        self.stop(agent)

    def test_a_signature_proves_time_and_body(self):
        box = self.destination()
        self.write("one", "two")
        agent = self.agent(box.url, "-sign-key", "a key", "-sign-header", "X-Proof", *FAST)
        self.wait_lines_at(box, "one", "two")
        self.stop(agent)
        headers, body, _ = box.requests[0]
        parts = dict(part.split("=", 1) for part in headers["X-Proof"].split(","))
        wanted = hmac.new(b"a key", parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        self.assertEqual(parts["v1"], wanted)
        self.assertLess(abs(time.time() - int(parts["t"])), 60)


class Security(TlsWorld):
    def page(self, port, path):
        try:
            return self.get(port, path)
        except urllib.error.HTTPError as error:  # unhealthy is an answer, too
            return error.read().decode()

    def test_sec_6_no_secret_is_shown_at_any_level_in_any_page_dump_or_error(self):
        secrets = {"bearer": "tok3n-of-the-bearer", "header": "k3y-of-the-header",
                   "sign": "k3y-of-the-signature"}
        box = self.destination()
        # A peer that repeats what it got, in a status whose answer is quoted in the log.
        box.accepts = lambda headers, _: 400
        box.answer_text = ("bad request, you sent " + " ".join(secrets.values())).encode()
        (self.dir / "token").write_text(secrets["bearer"])
        flags = ("-bearer", f"${{file:{self.dir / 'token'}}}", "-headers",
                 f"X-Api-Key: {secrets['header']}", "-sign-key", secrets["sign"])
        self.write("one")
        shown = []
        for level in ("debug", "info", "warning", "error"):
            for form in ("text", "json"):
                port = free_port()
                agent = self.agent(box.url, *flags, "-retry-max-delay", "300ms",
                                   "-shutdown-timeout", "100ms", "-log-level", level, "-log-format",
                                   form, admin=f"127.0.0.1:{port}")
                agent.admin_port = port
                agent.wait_said("you sent")
                shown += [self.page(port, path) for path in ("/metrics", "/health", "/")]
                agent.stop()
                shown.append(agent.text())
                shutil.rmtree(self.state)
        shown.append(self.ends(0, "check", "--print", "-endpoint", box.url, *flags))
        shown.append(self.ends(78, "check", *flags, "-batch", "many", "-username", "ann"))
        shown.append(self.ends(78, "check", "-bearer", secrets["bearer"] + "\x01", "-sign-key",
                               secrets["sign"] + "\x01"))
        for text in shown:
            for secret in secrets.values():
                self.assertNotIn(secret, text)
        self.assertEqual(box.seen("Authorization")[0], "Bearer " + secrets["bearer"])

    def redirects(self, status, location_of):
        """A destination that points elsewhere over TLS: returns it, the other one and the agent."""
        first = self.destination(server_context(self.authority.issue("good")))
        second = self.destination()
        first.accepts = lambda headers, _: status
        first.answer_headers = {"Location": location_of(second)}
        self.write("one")
        agent = self.agent(first.url, "-tls-ca", self.ca, "-bearer", "tok3n", "-headers",
                           "X-Api-Key: k3y", *FAST)
        agent.wait_said("redirects are not followed")
        wait_until(lambda: len(first.requests) >= 2, "it is tried again where it belongs")
        self.assertEqual(second.connections, 0)
        return first, second, agent

    def test_sec_10_a_redirect_to_another_host_gets_no_request_and_no_credentials(self):
        for status in (301, 302, 303, 307, 308):
            with self.subTest(status):
                first, second, agent = self.redirects(
                    status, lambda there: f"http://localhost:{there.port}/ingest")
                agent.stop()
                self.assertEqual(second.connections, 0)
                self.assertEqual(first.seen("Authorization")[0], "Bearer tok3n")
                shutil.rmtree(self.state)

    def test_sec_11_a_redirect_from_https_to_http_is_not_followed_and_never_an_ack(self):
        first, second, agent = self.redirects(
            307, lambda there: f"http://127.0.0.1:{there.port}/ingest")
        first.accepts = lambda headers, _: 200
        self.wait_lines_at(first, "one")
        self.stop(agent)
        self.assertEqual(second.connections, 0)

    def test_sec_11_other_schemes_than_http_and_https_are_refused(self):
        for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x",
                    "unix:///run/x.sock"):
            with self.subTest(url):
                self.assertIn("http:// or https://", self.ends(78, "check", "-endpoint", url))
                self.assertIn("http:// or https://", self.ends(78, "run", "-endpoint", url,
                                                               "-state", self.state))


class Checks(TlsWorld):
    def test_what_does_not_fit_together_is_refused_with_its_remedy(self):
        for flags, remedy in (
                (("-bearer", "abc", "-username", "ann"), "keep one"),
                (("-bearer", "abc", "-headers", "authorization: x"), "keep one"),
                (("-password", "abc"), "no username"),
                (("-tls-pin", "sha1//abc"), "sha256// and 44 letters"),
                (("-tls-server-name", "https://x/"), "without scheme, port or path"),
                (("-tls-min-version", "1.1"), "1.2 | 1.3"),
                (("-sign-header", "X Y"), "sign_header"),
                (("-bearer", "${file:/nonexistent/token}"), "/nonexistent/token"),
        ):
            with self.subTest(flags):
                self.assertIn(remedy, self.ends(78, "check", *flags))
        warned = self.ends(0, "check", "-endpoint", "http://logs.example.com/", "-bearer", "abcd")
        self.assertIn("clear text", warned)
