"""The example line-count on the kernel's sockets, and as scripts/port-to-millrace has ported it, at either end of a TAP:
line_count_test.py PROGRAM PORTED_PROGRAM."""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from namespaces import Namespace, missing_surroundings  # noqa: E402

SKIPPED = 77
PORT, CLOSED_PORT = "4000", "4001"
KERNEL, MILLRACE = "198.18.0.1", "198.18.0.2"
OPTIONS = f"--device tap:mill-lines --address {MILLRACE}/24"


class Cases:
    """What holds of each pair of a server and a client. `programs` are the kernel's and Millrace's."""

    programs = ()
    server = client = 0
    host = ""

    def setUp(self):
        self.namespace = Namespace()
        self.addCleanup(self.namespace.remove)
        self.environment = {**os.environ, "MILLRACE_OPTIONS": OPTIONS}

    def start(self, which: int, *words: str, **options) -> subprocess.Popen:
        return self.namespace.start(
            self.programs[which], *words, stdout=subprocess.PIPE, text=True, env=self.environment, **options
        )

    def start_server(self) -> None:
        server = self.start(self.server, "serve", PORT)
        self.addCleanup(server.stdout.close)
        self.assertIn("listening", server.stdout.readline())

    def ask(self, text: str, port: str = PORT, host: str = ""):
        return self.namespace.run(
            self.programs[self.client], "ask", host or self.host, port, input=text, check=False, env=self.environment
        )

    def test_lines_and_bytes_are_counted(self):
        self.start_server()
        self.assertEqual(self.ask("one\ntwo\nthree").stdout, "2 lines, 13 bytes\n")

    def test_a_large_text_is_counted_whole(self):
        self.start_server()
        self.assertEqual(self.ask("line\n" * 400000).stdout, "400000 lines, 2000000 bytes\n")

    def test_an_empty_text_has_no_lines(self):
        self.start_server()
        self.assertEqual(self.ask("").stdout, "0 lines, 0 bytes\n")

    def test_clients_are_served_one_after_the_other(self):
        self.start_server()
        for count in range(3):
            self.assertEqual(self.ask("x\n" * count).stdout, f"{count} lines, {2 * count} bytes\n")

    def test_a_refusal_is_said(self):
        self.start_server()
        result = self.ask("x", port=CLOSED_PORT)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "line-count: cannot connect: Connection refused\n")

    def test_a_name_that_is_none_is_said(self):
        result = self.ask("x", host="no.such.name.invalid")
        self.assertEqual(result.returncode, 1)
        self.assertIn("line-count: no.such.name.invalid port 4000: ", result.stderr)


class ManyClients(Cases):
    def test_clients_are_served_beside_each_other(self):
        self.start_server()
        slow = self.start(self.client, "ask", self.host, PORT, stdin=subprocess.PIPE)
        slow.stdin.write("half a line")
        slow.stdin.flush()
        self.assertEqual(self.ask("one\n").stdout, "1 lines, 4 bytes\n")
        self.assertEqual(slow.communicate(" and the rest\n", timeout=10)[0], "1 lines, 25 bytes\n")


class BothOnTheKernel(ManyClients, unittest.TestCase):
    host = "127.0.0.1"


class ServerOnMillrace(ManyClients, unittest.TestCase):
    server, host = 1, MILLRACE


class ClientOnMillrace(Cases, unittest.TestCase):
    """One client at a time: each makes the TAP, which goes with it."""

    client, host = 1, KERNEL


if __name__ == "__main__":
    reason = missing_surroundings()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    Cases.programs = (sys.argv.pop(1), sys.argv.pop(1))
    unittest.main()
