"""That the comparison of tables sees what differs, takes explanations for what they cover, and no others."""

import unittest

import call_table

KERNEL = "# Linux 6.1\nbound | read 4 | -1 ENOTCONN | OUT HUP\nbound | a|b | 0 | OUT\n"
HEAD = f"# Sockets\n\n{call_table.HEADING}\n\n| state | call | kernel | Millrace | why |\n|---|---|---|---|---|\n"


class CallTableTest(unittest.TestCase):
    def test_same_tables_have_no_differences(self):
        self.assertEqual(call_table.complaints(KERNEL, KERNEL, HEAD), [])

    def test_another_result_is_a_difference(self):
        other = KERNEL.replace("ENOTCONN", "EINVAL")
        found = call_table.complaints(KERNEL, other, HEAD)
        self.assertEqual(len(found), 1)
        self.assertIn("ENOTCONN", found[0])

    def test_other_events_are_a_difference(self):
        self.assertEqual(len(call_table.complaints(KERNEL, KERNEL.replace("OUT HUP", "OUT"), HEAD)), 1)

    def test_a_missing_cell_is_a_difference(self):
        other = "".join(KERNEL.splitlines(keepends=True)[:-1])
        self.assertIn("no such cell", call_table.complaints(KERNEL, other, HEAD)[0])

    def test_an_explained_difference_is_none(self):
        other = KERNEL.replace("ENOTCONN", "EINVAL")
        page = HEAD + "| `bound` | `read *` | `-1 ENOTCONN; *` | `-1 EINVAL; *` | because |\n"
        self.assertEqual(call_table.complaints(KERNEL, other, page), [])

    def test_an_explanation_holds_for_its_results_only(self):
        other = KERNEL.replace("ENOTCONN", "EPIPE")
        page = HEAD + "| `bound` | `read *` | `*` | `-1 EINVAL; *` | because |\n"
        self.assertEqual(len(call_table.complaints(KERNEL, other, page)), 2)

    def test_an_explanation_of_nothing_is_a_complaint(self):
        page = HEAD + "| `bound` | `read *` | `*` | `*` | because |\n"
        self.assertIn("nothing is as this row says", call_table.complaints(KERNEL, KERNEL, page)[0])

    def test_what_is_left_out_is_not_missed(self):
        kernel = KERNEL + "UDP bound | read 4 | 0 | -\nbound | setsockopt X | 0 | OUT\n"
        self.assertEqual(call_table.complaints(kernel, KERNEL, HEAD, ["datagrams", "options"]), [])
        self.assertEqual(len(call_table.complaints(kernel, KERNEL, HEAD, ["datagrams"])), 1)

    def test_an_explanation_of_what_is_left_out_waits(self):
        kernel = KERNEL + "UDP bound | read 4 | 0 | -\n"
        page = HEAD + "| `UDP *` | `read *` | `0; -` | `1; -` | because |\n"
        self.assertEqual(call_table.complaints(kernel, KERNEL, page, ["datagrams"]), [])
        wrong = page.replace("`0; -`", "`2; -`")
        self.assertEqual(len(call_table.complaints(kernel, KERNEL, wrong, ["datagrams"])), 1)

    def test_a_failure_is_a_complaint_until_the_page_explains_it(self):
        ran, failed = {"A.One", "A.Two"}, {"A.Two"}
        page = f"{call_table.TEST_HEADING}\n\n| test | why |\n|---|---|\n"
        self.assertEqual(len(call_table.test_complaints(ran, failed, page)), 1)
        self.assertEqual(call_table.test_complaints(ran, failed, page + "| `A.Two` | because |\n"), [])

    def test_an_explained_test_that_passes_or_is_not_there_is_a_complaint(self):
        page = f"{call_table.TEST_HEADING}\n\n| `A.One` | because |\n| `B.One` | because |\n| `SocketUdp.X` | so |\n"
        self.assertEqual(len(call_table.test_complaints({"A.One"}, set(), page, ["datagrams"])), 2)
        self.assertEqual(len(call_table.test_complaints({"A.One"}, set(), page)), 3)

    def test_bars_and_brackets_are_themselves(self):
        other = KERNEL.replace("a|b | 0", "a|b | [1]")
        page = HEAD + "| `bound` | `a\\|b` | `0; OUT` | `[1]; OUT` | because |\n"
        self.assertEqual(call_table.complaints(KERNEL, other, page), [])

    def test_a_cell_twice_is_refused(self):
        with self.assertRaises(ValueError):
            call_table.cells_of(KERNEL + "bound | read 4 | 0 | -\n")

    def test_a_page_without_the_table_is_refused(self):
        with self.assertRaises(ValueError):
            call_table.complaints(KERNEL, KERNEL, "# Sockets\n")


if __name__ == "__main__":
    unittest.main()
