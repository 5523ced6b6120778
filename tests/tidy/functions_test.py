"""functions.py finds what it measures."""

import unittest

from functions import functions_of, without_comments


class Functions(unittest.TestCase):
    def test_free_function_in_a_namespace(self) -> None:
        self.assertEqual(functions_of("namespace a {\nint f(int x) {\n  return x;\n}\n}\n"), [("f", 2, 4)])

    def test_methods_of_a_class(self) -> None:
        text = "class A final : public B {\n public:\n  A() : x_{1} {}\n  int get() const noexcept { return x_; }\n};\n"
        self.assertEqual([name for name, _, _ in functions_of(text)][0], "A")
        self.assertIn(("get", 4, 4), functions_of(text))

    def test_braces_in_comments_and_literals_do_not_count(self) -> None:
        text = "void f() {\n  // }\n  g(\"}\", '}');\n}\nvoid h() {}\n"
        self.assertEqual(functions_of(text), [("f", 1, 4), ("h", 5, 5)])

    def test_digit_separators_are_no_literals(self) -> None:
        self.assertEqual(functions_of("int f() {\n  return 1'000 + 2'000;\n}\n"), [("f", 1, 3)])

    def test_blank_lines_above_a_directive_count(self) -> None:
        self.assertEqual(functions_of("// a\n\n#include <b>\n\nint f() {\n}\n"), [("f", 5, 6)])

    def test_lines_stay_where_they_are(self) -> None:
        text = "a /* x\n y */ b // c\nd"
        self.assertEqual(without_comments(text).count("\n"), text.count("\n"))


if __name__ == "__main__":
    unittest.main()
