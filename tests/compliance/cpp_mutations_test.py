"""cpp_mutations.py changes what it should, and nothing else."""

import unittest

from cpp_mutations import breaks_of, mutations_of


def changes(body: str, kind: str) -> list[tuple[str, str]]:
    return [(each.before, each.after) for each in mutations_of(f"int f() {{\n  {body}\n}}\n") if each.kind == kind]


class Mutations(unittest.TestCase):
    def test_comparisons_take_their_operands_along(self) -> None:
        self.assertEqual(changes("return a + 1 < b(c, d) && e;", "comparison"),
                         [("a + 1 < b(c, d)", "a + 1 <= b(c, d)")])
        self.assertEqual(changes("if (x == y || z != 0) { g(); }", "comparison"),
                         [("x == y", "x != y"), ("z != 0", "z == 0")])

    def test_operands_may_have_braces(self) -> None:
        self.assertEqual(changes("if (a && T{b.c} + d > e(f)) { g(); }", "comparison"),
                         [("T{b.c} + d > e(f)", "T{b.c} + d >= e(f)")])
        self.assertEqual(changes("if (a) {\n    b();\n  }\n  c ? d() : e();", "swapped operand"),
                         [("c ? a : b", "c ? b : a")])

    def test_brackets_of_templates_are_no_comparisons(self) -> None:
        self.assertEqual(changes("g(std::min<int>(a, b));", "comparison"), [])

    def test_comparisons_of_sequence_numbers(self) -> None:
        self.assertEqual(changes("return !segment.ack.is_after(send_.snd_nxt);", "comparison"),
                         [("segment.ack.is_after(send_.snd_nxt)", "segment.ack.is_at_or_after(send_.snd_nxt)")])
        self.assertEqual(changes("return (a + b).is_before(c);", "comparison"),
                         [("(a + b).is_before(c)", "(a + b).is_at_or_before(c)")])

    def test_off_by_one(self) -> None:
        self.assertEqual(changes("x = y * 2U;", "off by one"), [("2U", "2U + 1")])
        self.assertEqual(changes("case 3: break;", "off by one"), [])
        self.assertEqual(changes("std::array<std::byte, 2 * kSize> a;\n  g(4);", "off by one"), [("4", "4 + 1")])

    def test_constants_lose_their_constexpr(self) -> None:
        found = mutations_of("constexpr std::uint8_t kLimit = 3;\nclass A {\n  static constexpr int kTwo = 2;\n};\n")
        self.assertEqual([each.wrapped for each in found],
                         ["const std::uint8_t kLimit = (::millrace::mutation::is_at_run_time({0}) ? 3 + 1 : 3);",
                          "static inline const int kTwo = (::millrace::mutation::is_at_run_time({0}) ? 2 + 1 : 2);"])

    def test_statements_are_dropped_declarations_are_not(self) -> None:
        body = "const int x = g();\n  x_ = x;\n  ++y_.z;\n  std::uint32_t left = 3;\n  Foo foo{1};\n  h(x,\n    y);\n  return x;"
        self.assertEqual([before for before, _ in changes(body, "dropped statement")],
                         ["x_ = x;", "++y_.z;", "h(x,\n    y);"])

    def test_a_return_is_dropped_unless_it_is_the_last(self) -> None:
        self.assertEqual([before for before, _ in changes("if (a) {\n    return 1;\n  }\n  return 2;", "dropped statement")],
                         ["return 1;"])

    def test_the_rest_of_a_statement_is_none(self) -> None:
        self.assertEqual([before for before, _ in changes("x = T{last} - first + y;", "dropped statement")],
                         ["x = T{last} - first + y;"])
        self.assertEqual(changes("return a ? T{U{b}}\n           : c;", "dropped statement"), [])

    def test_swapped_operands(self) -> None:
        self.assertEqual(changes("x = a - b - c;", "swapped operand"), [("a - b", "(b) - (a)"), ("a - b - c", "(c) - (a - b)")])
        self.assertEqual(changes("x = y ? 1 : 2;", "swapped operand"), [("y ? a : b", "y ? b : a")])

    def test_contracts_and_comments_stay(self) -> None:
        self.assertEqual(mutations_of("void f() {\n  base::expects(a < 3);\n  // x = y - 1;\n}\n"), [])

    def test_every_place_is_where_it_says(self) -> None:
        text = "void f() {\n  a = b;  // < \n  if (c < 3) {\n    d(e - f);\n  }\n}\n"
        for each in mutations_of(text):
            if "a : b" not in each.before:
                self.assertEqual(text[each.start:each.end], each.before)
                self.assertEqual(text.count("\n", 0, each.start) + 1, each.line)


class Breaks(unittest.TestCase):
    def test_of_a_function_with_a_value(self) -> None:
        text = "int A::f(int x) {\n  if (x > 2) {\n    return 1;\n  }\n  return 0;\n}\nint g() { return 1; }\n"
        self.assertEqual([(each.kind, each.after) for each in breaks_of(text, "f")],
                         [("returns at once", "return {};"), ("conditions negated", "!(x > 2)")])

    def test_of_a_function_without(self) -> None:
        self.assertEqual([each.after for each in breaks_of("void A::f() {\n  g();\n}\n", "f")], ["return;"])

    def test_conditions_that_declare_stay(self) -> None:
        text = "void f() {\n  if (const auto x = g(); x) {\n  }\n  if (auto plan = h()) {\n  }\n}\n"
        self.assertEqual([each.kind for each in breaks_of(text, "f")], ["returns at once"])


if __name__ == "__main__":
    unittest.main()
