"""The actors of the TLS tests: an authority, and destinations that speak TLS as a test tells them to."""
import gzip
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import threading


class Authority:
    """A certificate authority with good and bad server certificates, made when a test needs them."""

    KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        self.file = self.dir / "ca.pem"
        self.openssl("req", "-x509", *self.KEY, "-subj", "/CN=an authority for tests", "-days", "2",
                     "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out",
                     "ca.pem")

    def openssl(self, *args, stdin=None):
        return subprocess.run(["openssl", *map(str, args)], cwd=self.dir, input=stdin, check=True,
                              capture_output=True, timeout=60).stdout

    def issue(self, name, names="IP:127.0.0.1", days=2):
        """The paths of a certificate and its key. `days` below zero: expired."""
        self.openssl("req", *self.KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr")
        (self.dir / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out",
                     f"{name}.pem")
        return self.dir / f"{name}.pem", self.dir / f"{name}.key"

    def pin(self, certificate):
        """The public key of a certificate as tls_pin wants it."""
        key = self.openssl("x509", "-in", certificate, "-pubkey", "-noout")
        der = self.openssl("pkey", "-pubin", "-outform", "der", stdin=key)
        digest = self.openssl("dgst", "-sha256", "-binary", stdin=der)
        return "sha256//" + self.openssl("base64", stdin=digest).decode().strip()


def server_context(pair, client_authority=None, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, pair))
    if newest:
        context.maximum_version = newest
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(str(client_authority))
    return context


class Destination:
    """Takes requests, over TLS when it has a context, which may be changed at any time.

    `accepts(headers, body)` decides; a status other than 200 keeps nothing.
    """

    def __init__(self, context=None, port=0):
        self.context = context
        self.accepts = lambda headers, body: 200
        self.answer_headers = {}
        self.answer_text = b""
        self.connections = 0
        self.handshakes = 0
        self.spoken = 0  # connections on which a byte of HTTP arrived
        self.requests = []  # (headers, body, status)
        self.names = []  # that clients asked for
        self.certificates = []  # of clients
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                outer.connections += 1
                if outer.context:
                    outer.context.sni_callback = lambda _s, name, _c: outer.names.append(name)
                    self.request.settimeout(20)
                    self.request = outer.context.wrap_socket(self.request, server_side=True)
                    outer.certificates.append(self.request.getpeercert())
                    outer.handshakes += 1
                super().setup()

            def parse_request(self):
                outer.spoken += 1
                return super().parse_request()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    headers = self.headers  # asked for by any case of the name
                    status = outer.accepts(headers, body)
                    outer.requests.append((headers, body, status))
                self.send_response(status)
                for name, value in outer.answer_headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.answer_text)))
                self.end_headers()
                self.wfile.write(outer.answer_text)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):
                pass  # handshakes that fail are what the tests are about

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/ingest"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def lines(self):
        with self.lock:
            return sorted(record["line"] for _, body, status in self.requests if status == 200
                          for record in json.loads(gzip.decompress(body)))

    def seen(self, name):
        """The values of a header, in the order of the requests."""
        with self.lock:
            return [headers.get(name) for headers, _, _ in self.requests]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Silence:
    """Accepts connections and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted = []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                self.accepted.append(self.listener.accept()[0])
            except OSError:
                return

    def received(self):
        """Bytes that came on all connections."""
        count = 0
        for connection in list(self.accepted):
            connection.setblocking(False)
            try:
                count += len(connection.recv(1 << 20, socket.MSG_PEEK))
            except OSError:
                pass
        return count

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        for connection in self.accepted:
            connection.close()


class Nginx:
    """A real nginx: TLS with HTTP/2 in front of a destination in clear text."""

    def __init__(self, directory, pair, inner_port, port, extra=""):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        temporary = "".join(f"{kind}_temp_path {self.dir}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.dir}/nginx.pid;
events {{ worker_connections 128; }}
http {{
  log_format short '$server_protocol $status $ssl_protocol $ssl_server_name $ssl_client_verify';
  access_log {self.dir}/access.log short; {temporary}
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {pair[0]}; ssl_certificate_key {pair[1]}; {extra}
    location / {{ proxy_pass http://127.0.0.1:{inner_port}; proxy_http_version 1.1; }}
  }}
}}
""")
        self.port = port
        self.url = f"https://127.0.0.1:{port}/ingest"
        self.process = subprocess.Popen(["nginx", "-p", self.dir, "-c", self.dir / "nginx.conf",
                                         "-e", self.dir / "error.log"])

    def ready(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        path = self.dir / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def close(self):
        self.process.terminate()
        self.process.wait(20)
