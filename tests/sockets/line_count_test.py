"""The example line-count on the kernel's sockets: line_count_test.py PROGRAM."""

import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from namespaces import Namespace, missing_surroundings  # noqa: E402

SKIPPED = 77
PORT = "4000"


class LineCountTest(unittest.TestCase):
    program = ""

    def setUp(self):
        self.namespace = Namespace()
        self.addCleanup(self.namespace.remove)

    def start_server(self) -> None:
        server = self.namespace.start(self.program, "serve", PORT, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.assertIn("listening", server.stdout.readline())

    def ask(self, text: str, port: str = PORT, host: str = "127.0.0.1"):
        return self.namespace.run(self.program, "ask", host, port, input=text, check=False)

    def test_lines_and_bytes_are_counted(self):
        self.start_server()
        self.assertEqual(self.ask("one\ntwo\nthree").stdout, "2 lines, 13 bytes\n")

    def test_a_large_text_is_counted_whole(self):
        self.start_server()
        self.assertEqual(self.ask("line\n" * 400000).stdout, "400000 lines, 2000000 bytes\n")

    def test_an_empty_text_has_no_lines(self):
        self.start_server()
        self.assertEqual(self.ask("").stdout, "0 lines, 0 bytes\n")

    def test_clients_are_served_beside_each_other(self):
        self.start_server()
        slow = self.namespace.start(
            self.program, "ask", "127.0.0.1", PORT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        slow.stdin.write("half a line")
        slow.stdin.flush()
        self.assertEqual(self.ask("one\n").stdout, "1 lines, 4 bytes\n")
        self.assertEqual(slow.communicate(" and the rest\n", timeout=10)[0], "1 lines, 25 bytes\n")

    def test_a_refusal_is_said(self):
        result = self.ask("x")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "line-count: cannot connect: Connection refused\n")

    def test_a_name_that_is_none_is_said(self):
        result = self.ask("x", host="no.such.name.invalid")
        self.assertEqual(result.returncode, 1)
        self.assertIn("line-count: no.such.name.invalid port 4000: ", result.stderr)


if __name__ == "__main__":
    reason = missing_surroundings()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    LineCountTest.program = sys.argv.pop(1)
    unittest.main()
