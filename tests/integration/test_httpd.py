"""millrace-httpd to the letter: ranges, conditions, folders, no way out of the root, limits, smuggling, pipelining, an end
in order, the access log. By curl where a client says it, by raw sockets where no client would."""

import calendar
import contextlib
import email.utils
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import sha256_of
from programs import ADDRESS

REQUEST_SECONDS = 2
IDLE_SECONDS = 3
DIGITS = bytes(ord("0") + number % 10 for number in range(1000))


@pytest.fixture
def site(tmp_path) -> pathlib.Path:
    """A root with what belongs into one, and beside it what must not be seen."""
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "with-index").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "digits.txt").write_bytes(DIGITS)
    (folder / "empty.txt").touch()
    (folder / "with-index" / "index.html").write_text("<p>index</p>")
    (folder / "sub" / "<b>&'\".txt").write_text("odd")
    (folder / "sub" / "z").mkdir()
    (folder / "sub" / "a.txt").write_text("a" * 2048)
    (folder / "sub" / ".hidden").write_text("hidden")
    (folder / "inside").symlink_to("sub/a.txt")
    (folder / "outside").symlink_to("../secret.txt")
    (folder / "absolute").symlink_to(tmp_path / "secret.txt")
    (folder / "parent").symlink_to("..")
    os.mkfifo(folder / "fifo")
    for file in ("digits.txt", "sub/a.txt"):
        os.utime(folder / file, (1_700_000_000, 1_700_000_000))
    return folder


class Answer:
    """Status, fields by lower-case name, body."""

    def __init__(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.status, self.fields, self.body = status, fields, body


class Client:
    """A raw connection that reads answers one by one."""

    def __init__(self, namespace) -> None:
        with namespace.entered():
            self.socket = socket.create_connection((ADDRESS, 80), timeout=15)
        self.buffer = b""

    def send(self, data: bytes) -> "Client":
        self.socket.sendall(data)
        return self

    def answer(self, has_body: bool = True) -> Answer:
        while b"\r\n\r\n" not in self.buffer:
            assert self._receive(), f"the connection ended after {self.buffer!r}"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, value in (field.split(": ", 1) for field in rest)}
        size = int(fields.get("content-length", 0)) if has_body else 0
        while len(self.buffer) < size:
            assert self._receive(), "the body was cut short"
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Answer(int(line.split()[1]), fields, body)

    def is_ended(self) -> bool:
        """Waits for the server's FIN; anything else that comes is kept."""
        while self._receive():
            pass
        return True

    def _receive(self) -> bool:
        piece = self.socket.recv(65536)
        self.buffer += piece
        return piece != b""

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def connect(namespace):
    clients = []

    def make() -> Client:
        clients.append(Client(namespace))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def get(target: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {ADDRESS}", *fields, "", ""]).encode("latin-1")


def ask(connect, target: str, *fields: str, method: str = "GET") -> Answer:
    client = connect()
    answer = client.send(get(target, *fields, method=method)).answer(has_body=method != "HEAD")
    client.close()
    return answer


# --- Parts of files ---------------------------------------------------------------------------------------------------


def test_curl_resumes_a_download(namespace, serve, make_file, site, tmp_path):
    file, digest = make_file(site, 8 << 20)
    serve("httpd", site)
    received = tmp_path / "received"
    received.write_bytes(file.read_bytes()[: 3 << 20])
    namespace.run("curl", "-sS", "--fail", "-C", "-", "-o", received, f"http://{ADDRESS}/{file.name}")
    assert sha256_of(received) == digest


@pytest.mark.parametrize(
    "asked, status, content_range, body",
    [
        ("bytes=0-9", 206, "bytes 0-9/1000", DIGITS[:10]),
        ("bytes=990-", 206, "bytes 990-999/1000", DIGITS[990:]),
        ("bytes=-3", 206, "bytes 997-999/1000", DIGITS[-3:]),
        ("bytes=500-2000", 206, "bytes 500-999/1000", DIGITS[500:]),
        ("bytes=1000-", 416, "bytes */1000", b""),
        ("bytes=-0", 416, "bytes */1000", b""),
        ("bytes=9-5", 200, None, DIGITS),
        ("bytes=0-9,5-20", 200, None, DIGITS),
        ("items=0-9", 200, None, DIGITS),
    ],
)
def test_range(serve, site, connect, asked, status, content_range, body):
    serve("httpd", site)
    answer = ask(connect, "/digits.txt", f"Range: {asked}")
    assert (answer.status, answer.fields.get("content-range"), answer.body) == (status, content_range, body)


def test_several_ranges_are_a_multipart(serve, site, connect):
    serve("httpd", site)
    answer = ask(connect, "/digits.txt", "Range: bytes=0-4, 100-101, -2")
    assert answer.status == 206
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", answer.fields["content-type"]).group(1).encode()
    assert answer.body.endswith(b"\r\n--" + boundary + b"--\r\n")
    parts = answer.body.removesuffix(b"--\r\n").split(b"\r\n--" + boundary)[1:-1]
    contents = []
    for part in parts:
        head, content = part.split(b"\r\n\r\n", 1)
        assert b"Content-Type: text/plain" in head
        contents.append((re.search(rb"bytes (\S+)/1000", head).group(1), content))
    assert contents == [(b"0-4", b"01234"), (b"100-101", b"01"), (b"998-999", b"89")]


# --- Conditions -------------------------------------------------------------------------------------------------------


def test_conditions(serve, site, connect):
    serve("httpd", site)
    plain = ask(connect, "/digits.txt", method="HEAD").fields
    tag, modified = plain["etag"], plain["last-modified"]
    assert email.utils.parsedate_to_datetime(modified).timestamp() == 1_700_000_000
    later = email.utils.formatdate(1_700_000_001, usegmt=True)
    earlier = email.utils.formatdate(1_699_999_999, usegmt=True)
    cases = [
        ([f"If-None-Match: {tag}"], 304),
        ([f"If-None-Match: W/{tag}"], 304),
        (['If-None-Match: "x"'], 200),
        ([f"If-Modified-Since: {modified}"], 304),
        ([f"If-Modified-Since: {later}"], 304),
        ([f"If-Modified-Since: {earlier}"], 200),
        (["If-Modified-Since: nonsense"], 200),
        (['If-None-Match: "x"', f"If-Modified-Since: {modified}"], 200),
        ([f"If-Match: {tag}"], 200),
        (['If-Match: "x"'], 412),
        ([f"If-Unmodified-Since: {earlier}"], 412),
        (["Range: bytes=0-1", f"If-Range: {tag}"], 206),
        (["Range: bytes=0-1", f"If-Range: {modified}"], 206),
        (["Range: bytes=0-1", 'If-Range: "x"'], 200),
        (["Range: bytes=0-1", f"If-Range: {earlier}"], 200),
    ]
    for fields, status in cases:
        client = connect()
        # A second request on the connection shows where the first answer ended.
        client.send(get("/digits.txt", *fields) + get("/empty.txt"))
        answer = client.answer()
        assert answer.status == status, fields
        assert answer.fields["etag"] == tag
        if status == 304:
            assert answer.body == b"" and "content-length" not in answer.fields
        assert client.answer().status == 200


def test_curl_asks_only_for_what_has_changed(namespace, serve, site, tmp_path):
    serve("httpd", site)
    received = tmp_path / "digits.txt"
    command = ["curl", "-sS", "-w", "%{http_code}", "--etag-save", tmp_path / "tag", "--etag-compare", tmp_path / "tag",
               "-o", received, f"http://{ADDRESS}/digits.txt"]
    assert namespace.run(*command).stdout == "200"
    assert received.read_bytes() == DIGITS
    assert namespace.run(*command).stdout == "304"
    (site / "digits.txt").write_bytes(b"changed")
    assert namespace.run(*command).stdout == "200"
    assert received.read_bytes() == b"changed"


# --- Folders and ways out ---------------------------------------------------------------------------------------------


def test_folder_has_a_page(serve, site, connect):
    serve("httpd", site)
    page = ask(connect, "/sub/").body.decode()
    assert [page.index(name) for name in ("z/</a>", "&lt;b&gt;&amp;&#39;&quot;.txt</a>", "a.txt</a>")] == sorted(
        page.index(name) for name in ("z/</a>", "&lt;b&gt;&amp;&#39;&quot;.txt</a>", "a.txt</a>")
    )
    assert "2.0 KiB" in page and "2023-11-14 22:13" in page
    assert "hidden" not in page and "<b>" not in page
    links = re.findall(r'href="(\./[^"]+)"', page)
    assert len(links) == 3
    for link in links:
        assert ask(connect, "/sub/" + link.removeprefix("./")).status == 200, link


def test_index_goes_before_the_page_and_a_slash_is_added(serve, site, connect):
    serve("httpd", site)
    assert ask(connect, "/with-index/").body == b"<p>index</p>"
    answer = ask(connect, "/with-index")
    assert (answer.status, answer.fields["location"]) == (301, "/with-index/")


def test_no_listing(serve, site, connect):
    serve("httpd", site, "--no-listing")
    assert ask(connect, "/sub/").status == 404
    assert ask(connect, "/with-index/").status == 200
    assert ask(connect, "/sub/a.txt").status == 200


@pytest.mark.parametrize(
    "target, statuses",
    [
        ("/../secret.txt", {400}),
        ("/sub/../../secret.txt", {400}),
        ("/%2e%2e/secret.txt", {400}),
        ("/%2E%2E%2Fsecret.txt", {400}),
        ("/sub/%2e%2e/%2e%2e/secret.txt", {400}),
        ("/..%2fsecret.txt", {400}),
        ("/..%5csecret.txt", {404}),
        ("/..\\secret.txt", {400, 404}),
        ("/%252e%252e/secret.txt", {404}),
        ("/..;/secret.txt", {404}),
        ("/.../secret.txt", {404}),
        ("//secret.txt", {404}),
        ("/digits.txt%00.html", {400}),
        ("/digits.txt%", {400}),
        ("/outside", {403}),
        ("/absolute", {403}),
        ("/parent/secret.txt", {403}),
        ("/parent/", {403}),
        ("/fifo", {403}),
        ("/digits.txt/", {404}),
        ("/proc/self/environ", {404}),
    ],
)
def test_no_way_leads_out(serve, site, connect, target, statuses):
    serve("httpd", site)
    answer = ask(connect, target)
    assert answer.status in statuses
    assert b"secret" != answer.body
    assert ask(connect, "/inside").body == b"a" * 2048


def test_root_that_is_exchanged_during_requests_stays_closed(namespace, serve, site, tmp_path, connect):
    """A folder that becomes a link to the outside between two steps of a lookup."""
    serve("httpd", site)
    (site / "flip").mkdir()
    (site / "flip" / "secret.txt").write_text("public")
    done = threading.Event()

    def exchange() -> None:
        while not done.is_set():
            (site / "flip").rename(site / "kept")
            (site / "flip").symlink_to("..")
            time.sleep(0.001)
            (site / "flip").unlink()
            (site / "kept").rename(site / "flip")
            time.sleep(0.001)

    exchanger = threading.Thread(target=exchange)
    exchanger.start()
    client = connect()
    bodies, statuses = set(), set()
    deadline = time.monotonic() + 20
    count = 0
    try:
        while (count < 3000 or not {200, 403} <= statuses) and time.monotonic() < deadline:
            answer = client.send(get("/flip/secret.txt")).answer()
            bodies.add(answer.body)
            statuses.add(answer.status)
            count += 1
    finally:
        done.set()
        exchanger.join()
    assert b"secret" not in bodies
    assert {200, 403} <= statuses, "the exchange was never met"


# --- Methods, limits, smuggling ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (get("/nothing"), 404),
        (get("/digits.txt", method="DELETE"), 405),
        (get("/digits.txt", method="FROB"), 501),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n", 400),
        (get("/" + "a" * 3000), 414),
        (get("/", "X: " + "a" * 9000), 431),
        (get("/", *["X: y"] * 3000), 431),
        (get("/sink", "Content-Length: 99999999999999", method="PUT"), 413),
        (get("/digits.txt", "Content-Length: 99999999"), 413),
        (get("/sink", method="PUT"), 411),
        (get("/sink", "Expect: tea", "Content-Length: 1", method="PUT"), 417),
        # Two opinions on where the request ends.
        (get("/sink", "Content-Length: 5", "Transfer-Encoding: chunked", method="PUT"), 400),
        (get("/sink", "Transfer-Encoding: chunked", "Content-Length: 5", method="PUT"), 400),
        (get("/sink", "Content-Length: 5", "Content-Length: 6", method="PUT"), 400),
        (get("/sink", "Content-Length: 5", "Content-Length: 5", method="PUT"), 400),
        (get("/sink", "Content-Length: +5", method="PUT"), 400),
        (get("/sink", "Content-Length : 5", method="PUT"), 400),
        (get("/sink", "Transfer-Encoding: gzip, chunked", method="PUT"), 501),
        (get("/sink", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", method="PUT"), 400),
        (get("/sink", "X: a\r\n folded", method="PUT"), 400),
        (get("/sink", "X: a\nContent-Length: 5", method="PUT"), 400),
        (get("/sink", "Transfer-Encoding: chunked", method="PUT") + b"5\nhello\r\n0\r\n\r\n", 400),
        (get("/sink", "Transfer-Encoding: chunked", method="PUT") + b"4\r\nhello\r\n0\r\n\r\n", 400),
        (get("/sink", "Transfer-Encoding: chunked", method="PUT") + b"fffffffffffffffff\r\n", 400),
    ],
)
def test_refusal(serve, site, connect, request_bytes, status):
    serve("httpd", site)
    # What is smuggled behind a refused request must not be answered.
    smuggles = status == 400
    client = connect().send(request_bytes + (get("/digits.txt") if smuggles else b""))
    answer = client.answer()
    assert answer.status == status
    if status == 405:
        assert answer.fields["allow"] == "GET, HEAD"
    if smuggles:
        assert answer.fields["connection"] == "close"
        client.is_ended()
        assert client.buffer == b""


@pytest.mark.parametrize(
    "target, status", [("/none", 404), ("/" + 3000 * "x", 414), ("/%00", 400), ("/sink", 405), ("/sub", 301)]
)
def test_no_refusal_of_head_has_a_body(serve, site, connect, target, status):
    serve("httpd", site)
    client = connect().send(get(target, "Connection: close", method="HEAD"))
    assert client.answer(has_body=False).status == status
    client.is_ended()
    assert client.buffer == b""


def test_chunk_extensions_and_trailers_are_read_over(serve, connect):
    serve("httpd")
    client = connect()
    client.send(get("/sink", "Transfer-Encoding: chunked", method="PUT"))
    client.send(b'3;name="a;b"\r\nhel\r\n2\r\nlo\r\n0;x\r\nTrailer: y\r\n\r\n' + get("/"))
    assert client.answer().body.startswith(b"5 2cf24dba")
    assert client.answer().status == 200


def test_curl_is_told_to_continue(namespace, serve, make_file, tmp_path):
    serve("httpd")
    file, digest = make_file(tmp_path, 3 << 20)
    output = namespace.run(
        "curl", "-sSv", "-H", "Expect: 100-continue", "--expect100-timeout", "30", "-T", file, f"http://{ADDRESS}/sink"
    )
    assert "HTTP/1.1 100 Continue" in output.stderr
    assert digest in output.stdout


def test_pipelined_requests_are_answered_in_order(serve, site, connect):
    serve("httpd", site)
    client = connect()
    targets = ["/digits.txt", "/nothing", "/sub/a.txt", "/empty.txt", "/sub/"] * 40
    client.send(b"".join(get(target) for target in targets))
    expected = {"/digits.txt": 1000, "/sub/a.txt": 2048, "/empty.txt": 0}
    for target in targets:
        answer = client.answer()
        assert answer.status == (404 if target == "/nothing" else 200)
        assert len(answer.body) == expected.get(target, len(answer.body))


def test_pipelining_without_reading_is_bounded(serve, site, connect):
    """Ten thousand requests for a megabyte each: the server stops reading until its answers are taken."""
    (site / "big.bin").write_bytes(bytes(1 << 20))
    server = serve("httpd", site)
    before = server.usage()["packets_in_use"]
    client = connect()
    client.socket.settimeout(2)
    with contextlib.suppress(TimeoutError):
        client.socket.sendall(get("/big.bin") * 100_000)
    assert server.usage()["packets_in_use"] - before < 2000
    assert ask(connect, "/digits.txt").status == 200


# --- Time -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hasty(serve, site):
    return serve("httpd", site, "--request-seconds", REQUEST_SECONDS, "--idle-seconds", IDLE_SECONDS)


def seconds_until_end(client: Client) -> float:
    start = time.monotonic()
    client.is_ended()
    return time.monotonic() - start


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nHost:", get("/")[:-2]])
def test_slow_head_is_a_408(hasty, connect, start):
    client = connect().send(start)
    assert 1.5 < seconds_until_end(client) < REQUEST_SECONDS + 3
    assert client.answer().status == 408


def test_head_that_trickles_is_a_408(hasty, connect):
    client = connect()
    begin = time.monotonic()
    with contextlib.suppress(OSError):
        for byte in get("/digits.txt", "X: " + "y" * 1000):
            client.send(bytes([byte]))
            time.sleep(0.05)
            if time.monotonic() - begin > REQUEST_SECONDS + 3:
                break
    assert client.answer().status == 408


def test_body_below_the_rate_is_a_408(hasty, connect):
    client = connect().send(get("/sink", "Content-Length: 1000000", method="PUT"))
    with contextlib.suppress(OSError):
        for _ in range(60):
            client.send(b"x" * 10)
            time.sleep(0.1)
    assert client.answer().status == 408


def test_body_above_the_rate_may_take_its_time(hasty, connect):
    client = connect().send(get("/sink", "Content-Length: 12000", method="PUT"))
    for _ in range(60):
        client.send(b"x" * 200)
        time.sleep(0.1)
    assert client.answer().body.startswith(b"12000 ")


def test_connection_at_rest_is_closed_without_a_word(hasty, connect):
    silent = connect()
    asked = connect().send(get("/empty.txt"))
    assert asked.answer().status == 200
    assert seconds_until_end(asked) < IDLE_SECONDS + 8
    silent.is_ended()
    assert silent.buffer == asked.buffer == b""


def test_requests_of_a_connection_are_limited(serve, site, connect):
    serve("httpd", site, "--max-requests", "3")
    client = connect().send(get("/empty.txt") * 5)
    assert [client.answer().fields["connection"] for _ in range(3)] == ["keep-alive", "keep-alive", "close"]
    client.is_ended()
    assert client.buffer == b""


# --- The end ----------------------------------------------------------------------------------------------------------


def start_slow_download(namespace, file: pathlib.Path, received: pathlib.Path) -> subprocess.Popen:
    """About three seconds."""
    return namespace.start(
        "curl", "-sS", "--fail", "--limit-rate", "8M", "-o", received, f"http://{ADDRESS}/{file.name}"
    )


def test_term_finishes_what_is_under_way(namespace, serve, make_file, site, tmp_path, connect):
    file, digest = make_file(site, 24 << 20)
    server = serve("httpd", site, "--drain-seconds", "30")
    at_rest = connect().send(get("/empty.txt"))
    at_rest.answer()
    half = connect().send(get("/digits.txt")[:-2])
    received = tmp_path / "received"
    download = start_slow_download(namespace, file, received)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    at_rest.is_ended()
    at_rest.close()
    with namespace.entered(), pytest.raises(OSError):
        socket.create_connection((ADDRESS, 80), timeout=2)
    half.send(b"\r\n")
    answer = half.answer()
    assert (answer.status, answer.fields["connection"]) == (200, "close")
    assert download.poll() is None, "the download was over before it could show anything"
    assert download.wait(20) == 0
    assert sha256_of(received) == digest
    half.close()
    assert server.process.wait(5) == 0, "the server waited for its limit instead of its last answer"


@pytest.mark.parametrize("hurry", ["limit", "second signal"])
def test_drain_ends(namespace, serve, make_file, site, tmp_path, hurry):
    file, _ = make_file(site, 64 << 20)
    server = serve("httpd", site, "--drain-seconds", "1" if hurry == "limit" else "3600")
    download = start_slow_download(namespace, file, tmp_path / "received")
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert server.process.poll() is None
    if hurry == "second signal":
        server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(3) == 0
    assert download.wait(10) != 0, "the download was over before it could show anything"


# --- The access log ---------------------------------------------------------------------------------------------------

LINE = re.compile(r'(\S+) - - \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')


def lines_of(log: pathlib.Path, wanted: int) -> list[tuple[str, ...]]:
    deadline = time.monotonic() + 5
    while len(lines := log.read_text().splitlines()) < wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(lines) == wanted
    return [LINE.fullmatch(line).groups() for line in lines]


def test_access_log(namespace, serve, site, tmp_path, connect):
    log = tmp_path / "access.log"
    server = serve("httpd", site, "--access-log", log)
    client = connect()
    client.send(get("/digits.txt", "Referer: http://r/", "User-Agent: test/1"))
    client.answer()
    client.send(get("/digits.txt", "Range: bytes=0-9", 'User-Agent: a" 200 5 "\xe4'))
    client.answer()
    client.send(get("/digits.txt", method="HEAD"))
    client.answer(has_body=False)
    client.send(b"nonsense\r\n\r\n")
    client.answer()
    lines = lines_of(log, 4)
    logged = calendar.timegm(time.strptime(lines[0][1], "%d/%b/%Y:%H:%M:%S +0000"))
    assert abs(logged - time.time()) < 30
    assert [line[2:5] for line in lines[:3]] == [
        ("GET /digits.txt HTTP/1.1", "200", "1000"),
        ("GET /digits.txt HTTP/1.1", "206", "10"),
        ("HEAD /digits.txt HTTP/1.1", "200", "0"),
    ]
    assert lines[0][5:] == ("http://r/", "test/1")
    assert lines[1][6] == r"a\x22 200 5 \x22\xE4"
    assert lines[3][3] == "400"
    assert {line[0] for line in lines} == {"198.18.0.1"}
    log.rename(tmp_path / "access.log.1")
    ask(connect, "/empty.txt")
    deadline = time.monotonic() + 5
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lines_of(log, 1)[0][2] == "GET /empty.txt HTTP/1.1"
    # What was answered just before the end is in it as well.
    ask(connect, "/inside")
    assert server.stop() == 0
    assert lines_of(log, 2)[1][2] == "GET /inside HTTP/1.1"


def test_access_log_on_a_full_disk_stops_nothing(namespace, serve, site, connect):
    server = serve("httpd", site, "--access-log", "/dev/full")
    for _ in range(3):
        assert ask(connect, "/digits.txt").status == 200
        time.sleep(0.2)
    assert server.log().count("No space left on device") == 1
