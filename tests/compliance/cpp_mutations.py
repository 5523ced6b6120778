"""Small changes of C++ source that each should make some test fail. A change is a piece of text and what to put in its
place; nothing is written here. Reads the source by its tokens and by how clang-format lays it out, not as a parser."""

import bisect
import dataclasses
import re

import rfc_table  # noqa: F401, for the path to tests/tidy
from functions import functions_of, without_comments

# What decides whether the mutant numbered {0} is on; defined by mutant_build.py.
SWITCH = "::millrace::mutation::is({0})"
# The same where the compiler would compute the value, in which SWITCH is never on.
RUNTIME_SWITCH = "::millrace::mutation::is_at_run_time({0})"


@dataclasses.dataclass(frozen=True)
class Mutation:
    """`text[start:end]` becomes `wrapped`, in which SWITCH's number is still open."""

    kind: str
    line: int
    start: int
    end: int
    before: str
    after: str
    wrapped: str

    def text(self, number: int) -> str:
        return self.wrapped.replace("{0}", str(number))


NEXT_COMPARISON = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
NEXT_METHOD = {"is_before": "is_at_or_before", "is_at_or_before": "is_before",
               "is_after": "is_at_or_after", "is_at_or_after": "is_after"}
# How tightly an operator binds; unlisted ones end any operand.
PRECEDENCE = {"*": 9, "/": 9, "%": 9, "+": 8, "-": 8, "<<": 7, ">>": 7, "<": 6, "<=": 6, ">": 6, ">=": 6,
              "==": 5, "!=": 5, "&": 4, "^": 3, "|": 2, "&&": 1, "||": 0}
OPERATOR = re.compile(r"(?<= )(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|^]|[-+*/%&|^]?=|<<=|>>=|\?|:)(?=[ \n])")
METHOD = re.compile(r"(?:\.|->)(is_before|is_at_or_before|is_after|is_at_or_after)\(")
NUMBER = re.compile(r"(?<![\w.'\]])(\d[\d']*)(U|ULL|UL)?(?![\w.'])")
# The compiler wants what is between them at once, and no mutant is ever on there.
SIZE_OF_ARRAY = re.compile(r"\barray<[^;>]*>")
DECLARATION = re.compile(r"(?:const|auto|static|constexpr|using|struct|class|enum|case|default|if|for|while|switch|do|"
                         r"else|continue|public|private|friend)\b|[\w:<>,\s*&]+\s[*&]?\w+\s*[={(;\[]|[\w:]+(?:<.*>)?\s+\w+\{")
CONTRACT = re.compile(r"\b(?:expects|ensures|debug_expects|static_assert)\(")
CONTRACT_FUNCTIONS = ("check_invariants", "is_consistent")
OPEN, CLOSE = "([{", ")]}"


class Source:
    """One file, comments and literals blanked, with its functions."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code = without_comments(text)
        self.functions = functions_of(text)
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line_of(self, position: int) -> int:
        return bisect.bisect_right(self._line_starts, position)

    def body_of(self, function: tuple[str, int, int]) -> tuple[int, int]:
        """From behind its opening brace to its closing one."""
        _, first, last = function
        end = self._line_starts[last] if last < len(self._line_starts) else len(self.text)
        close = self.code.rindex("}", 0, end)
        depth = 0
        for position in range(close, self._line_starts[first - 1] - 1, -1):
            depth += (self.code[position] == "}") - (self.code[position] == "{")
            if depth == 0:
                return position + 1, close
        return close, close

    def bodies(self) -> list[tuple[int, int]]:
        """Of what has parameters: a member's initializer has none."""
        found = []
        for each in self.functions:
            start, end = self.body_of(each)
            heading = self.code[self._line_starts[each[1] - 1]:start]
            if "(" in heading and each[0].split("::")[-1] not in CONTRACT_FUNCTIONS:
                found.append((start, end))
        return found


def mutations_of(text: str) -> list[Mutation]:
    """All that this module can think of, in the order of their places."""
    source = Source(text)
    found = []
    for start, end in source.bodies():
        for find in (_comparisons, _off_by_one, _dropped_statements, _swapped_operands):
            found += find(source, start, end)
    found += _constants(source)
    kept = {each for each in found if not _is_contract(source, each)}
    return sorted(kept, key=lambda each: (each.start, each.end, each.kind))


def _is_contract(source: Source, mutation: Mutation) -> bool:
    statement = max(source.code.rfind(symbol, 0, mutation.start) for symbol in ";{}")
    return bool(CONTRACT.search(source.code, statement + 1, source.code.find(";", mutation.start) + 1 or None))


def _choice(source: Source, kind: str, start: int, end: int, after: str) -> Mutation:
    before = source.text[start:end]
    return Mutation(kind, source.line_of(start), start, end, before, after, f"({SWITCH} ? ({after}) : ({before}))")


def _comparisons(source: Source, start: int, end: int) -> list[Mutation]:
    found = []
    for operator in OPERATOR.finditer(source.code, start, end):
        if operator[1] in NEXT_COMPARISON:
            left, right = _operands(source.code, operator, start, end)
            changed = (source.text[left:operator.start()] + NEXT_COMPARISON[operator[1]]
                       + source.text[operator.end():right])
            found.append(_choice(source, "comparison", left, right, changed))
    for method in METHOD.finditer(source.code, start, end):
        left = _primary_start(source.code, method.start(), start)
        right = _closing(source.code, method.end() - 1) + 1
        changed = source.text[left:method.start(1)] + NEXT_METHOD[method[1]] + source.text[method.end(1):right]
        found.append(_choice(source, "comparison", left, right, changed))
    return found


def _off_by_one(source: Source, start: int, end: int) -> list[Mutation]:
    found = []
    sizes = [each.span() for each in SIZE_OF_ARRAY.finditer(source.code, start, end)]
    for number in NUMBER.finditer(source.code, start, end):
        line = source.code[source.code.rfind("\n", 0, number.start()) + 1:number.start()]
        is_size = any(first < number.start() < last for first, last in sizes)
        if "case " not in line and "constexpr" not in line and not is_size:
            found.append(_choice(source, "off by one", number.start(), number.end(), f"{number[0]} + 1"))
    return found


def _constants(source: Source) -> list[Mutation]:
    """A constant of the file or the class can only be changed when it is no constant expression any more."""
    found = []
    pattern = re.compile(r"^[ ]*((?:inline |static )?constexpr )([\w:]+ k\w+ ?[={] ?)(\d[\d']*(?:U|ULL|UL)?)(\}?;)",
                         re.MULTILINE)
    for constant in pattern.finditer(source.code):
        kind = {"static constexpr ": "static inline const ", "inline constexpr ": "inline const "}.get(
            constant[1], "const ")
        number = constant[3]
        declared = constant[2].replace("{", "= ")
        found.append(Mutation(
            "off by one", source.line_of(constant.start(1)), constant.start(1), constant.end(), constant[0].strip(),
            constant[0].strip().replace(number, f"{number} + 1"),
            f"{kind}{declared}({RUNTIME_SWITCH} ? {number} + 1 : {number});"))
    return found


def _dropped_statements(source: Source, start: int, end: int) -> list[Mutation]:
    found = []
    position = start
    first_place = _skip_blanks(source.code, start)
    while position < end:
        first = re.compile(r"\S").search(source.code, position, end)
        if first is None:
            break
        begin = first.start()
        stop = _statement_end(source.code, begin, end)
        statement = source.code[begin:stop]
        is_return = re.match(r"return\b", statement) is not None
        is_plain = len(statement) > 1 and statement.endswith(";") and " {" not in statement
        is_last = not source.code[stop:end].strip()
        # Behind the braces of a value the rest of a statement looks like one.
        starts_line = begin == first_place or not source.code[source.code.rfind("\n", 0, begin) + 1:begin].strip()
        if is_plain and starts_line and (not is_last if is_return else not DECLARATION.match(statement)):
            before = source.text[begin:stop]
            found.append(Mutation("dropped statement", source.line_of(begin), begin, stop, before, "",
                                  f"if (!{SWITCH}) {{ {before} }}"))
        position = stop
    return found


def _statement_end(code: str, begin: int, end: int) -> int:
    """Behind its semicolon, or behind what opens or closes a block, or a label."""
    depth = 0
    for position in range(begin, end):
        symbol = code[position]
        # The braces of a value follow its type without a space.
        is_value = symbol == "{" and not code[position - 1].isspace()
        if symbol in "([" or is_value:
            depth += 1
        elif depth > 0 and symbol in ")]}":
            depth -= 1
        elif depth == 0 and symbol in "{};":
            return position + 1
        elif depth == 0 and symbol == ":" and re.match(r"(?:case\b|default\b)", code[begin:position]) \
                and ":" not in (code[position - 1], code[position + 1]):
            return position + 1
    return end


def _swapped_operands(source: Source, start: int, end: int) -> list[Mutation]:
    found = []
    for operator in OPERATOR.finditer(source.code, start, end):
        if operator[1] in ("-", "/", "<", ">", "<=", ">=", "<<", ">>"):
            left, right = _operands(source.code, operator, start, end)
            one, other = source.text[left:operator.start()].strip(), source.text[operator.end():right].strip()
            found.append(_choice(source, "swapped operand", left, right, f"({other}) {operator[1]} ({one})"))
        elif operator[1] == "?":
            left = _extend_left(source.code, operator.start(), start, -1)
            condition = source.text[left:operator.start()].strip()
            found.append(Mutation("swapped operand", source.line_of(left), left, operator.start(), condition + " ? a : b",
                                  condition + " ? b : a", f"(({condition}) ? !{SWITCH} : {SWITCH}) "))
    return found


def _operands(code: str, operator: re.Match, start: int, end: int) -> tuple[int, int]:
    """Where the left one starts and the right one ends."""
    level = PRECEDENCE[operator[1]]
    return (_extend_left(code, operator.start(), start, level), _extend_right(code, operator.end(), end, level))


def _extend_left(code: str, position: int, start: int, level: int) -> int:
    """An operator that binds less tightly, or an open bracket, ends the operand. Equal ones belong to it."""
    ends = {match.start(): match for match in OPERATOR.finditer(code, start, position)}
    depth = 0
    for place in range(position - 1, start - 1, -1):
        symbol = code[place]
        if depth == 0 and (symbol in OPEN + ",;" or (symbol == "}" and code[place + 1] == "\n")):
            return _skip_blanks(code, place + 1)
        depth += (symbol in CLOSE) - (symbol in OPEN)
        if depth == 0 and place in ends and PRECEDENCE.get(ends[place][1], -2) < level:
            return _skip_blanks(code, ends[place].end())
        if depth == 0 and code.startswith("return ", place):
            return place + len("return ")
        if depth == 0 and re.match(r"(?:case \S+|default):\s", code[place:position]):
            return _skip_blanks(code, code.index(":", place) + 1)
    return _skip_blanks(code, start)


def _extend_right(code: str, position: int, end: int, level: int) -> int:
    """An operator that binds no tighter, or a closing bracket, ends the operand."""
    begins = {match.start(): match for match in OPERATOR.finditer(code, position, end)}
    depth = 0
    for place in range(position, end):
        symbol = code[place]
        if depth == 0 and (symbol in CLOSE or symbol in ",;" or
                           (place in begins and PRECEDENCE.get(begins[place][1], -2) <= level)):
            return len(code[:place].rstrip())
        depth += (symbol in OPEN) - (symbol in CLOSE)
    return end


def _primary_start(code: str, position: int, start: int) -> int:
    """Of `a.b(c)->d` that stands before `position`."""
    depth = 0
    place = len(code[:position].rstrip())
    while place > start:
        symbol = code[place - 1]
        depth += (symbol in CLOSE) - (symbol in OPEN)
        if depth < 0 or (depth == 0 and symbol not in CLOSE + OPEN and not re.match(r"[\w.:>-]", symbol)):
            break
        if depth == 0 and symbol == "-" and code[place] != ">":
            break
        place -= 1
    return _skip_blanks(code, place)


def _closing(code: str, position: int) -> int:
    depth = 0
    for place in range(position, len(code)):
        depth += (code[place] in OPEN) - (code[place] in CLOSE)
        if depth == 0:
            return place
    raise ValueError("brackets do not match")


def _skip_blanks(code: str, position: int) -> int:
    return position + len(code[position:]) - len(code[position:].lstrip())


def breaks_of(text: str, name: str) -> list[Mutation]:
    """Ways to break all functions of that name at once, one Mutation a place: `kind` says what belongs together."""
    source = Source(text)
    found = []
    for function in source.functions:
        if function[0].split("::")[-1] != name:
            continue
        start, end = source.body_of(function)
        heading = source.code[source._line_starts[function[1] - 1]:start]
        value = "" if re.search(r"\bvoid\s+(?:\w+::)*" + re.escape(name), heading) else " {}"
        found.append(Mutation("returns at once", function[1], start, start, "", f"return{value};",
                              f" if ({SWITCH}) {{ return{value}; }} "))
        for condition in re.finditer(r"\b(?:if|while) \(", source.code[start:end]):
            opening = start + condition.end() - 1
            closing = _closing(source.code, opening)
            inside = source.text[opening + 1:closing]
            if ";" not in source.code[opening:closing] and not re.match(r"(?:const )?auto\b", inside) \
                    and not re.search(r"\w \*?(?:const )?\w+ = ", inside):
                found.append(Mutation("conditions negated", source.line_of(opening), opening + 1, closing, inside,
                                      f"!({inside})", f"{SWITCH} != static_cast<bool>({inside})"))
    return found
