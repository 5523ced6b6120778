#!/usr/bin/env python3
"""Checks state_matrix.txt, the table of what one arriving segment does to a connection.

Enumerates every cell (state, flags, seq, ack, data), finds the first rule for each, and fails if a cell has no rule,
a rule has no cell, a word is unknown, or an outcome breaks one of the plain laws below. It knows nothing of the code.

    state_matrix_check.py [TABLE]           checks, prints the numbers of cells and rules
    state_matrix_check.py --list [TABLE]    prints every cell with its outcomes as well, one a line
"""

import collections
import itertools
import pathlib
import re
import sys

WINDOWLESS = ('CLOSED', 'LISTEN', 'SYN-SENT')
HANDSHAKE = ('SYN-SENT', 'SYN-RECEIVED-P', 'SYN-RECEIVED-A')
ALL_ACKNOWLEDGED = ('FIN-WAIT-2', 'TIME-WAIT')
STATES = (*WINDOWLESS, 'SYN-RECEIVED-P', 'SYN-RECEIVED-A', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT',
          'CLOSING', 'LAST-ACK', 'TIME-WAIT')
SEQS = ('outside-left', 'just-left', 'left-edge', 'inside', 'right-edge', 'outside-right')
ACKS = ('old', 'una', 'inside', 'nxt', 'future')
DATA = ('without', 'with')
NEXT_STATES = (*STATES, 'same', 'REOPEN')
REPLIES = ('none', 'ack', 'challenge', 'rst-seq', 'rst-ack', 'syn-ack', 'any')
TEXTS = ('delivered', 'kept', 'none')

Cell = collections.namedtuple('Cell', 'state flags seq ack data')
Outcome = collections.namedtuple('Outcome', 'next_state reply text')
Rule = collections.namedtuple('Rule', 'line state flags seq ack data outcomes')


class TableError(Exception):
    """The table cannot be read: which line, and why."""


def positions(state):
    return ('any',) if state in WINDOWLESS else SEQS


def acknowledgments(state, flags):
    if 'A' not in flags:
        return ('-',)
    if state in ('CLOSED', 'LISTEN'):
        return ('any',)
    if state in HANDSHAKE or state in ALL_ACKNOWLEDGED:
        return tuple(ack for ack in ACKS if ack != 'inside')
    return ACKS


def every_cell():
    all_flags = [''.join(places) for places in itertools.product('.S', '.A', '.R', '.F')]
    for state, flags in itertools.product(STATES, all_flags):
        for seq, ack, data in itertools.product(positions(state), acknowledgments(state, flags), DATA):
            yield Cell(state, flags, seq, ack, data)


def pattern(words, known, line):
    """The set of values that `*` or `a|b` fits."""
    chosen = set(known) if words == '*' else set(words.split('|'))
    unknown = chosen - set(known)
    if unknown:
        raise TableError(f'line {line}: unknown {", ".join(sorted(unknown))}')
    return chosen


def flag_pattern(word, line):
    if not re.fullmatch(r'[S.?][A.?][R.?][F.?]', word):
        raise TableError(f'line {line}: flags {word} are not four of S A R F, a dot or ?')
    return re.compile(''.join('.' if place == '?' else re.escape(place) for place in word))


def alternatives(columns, line):
    """Joins the alternatives of next state, reply and text by position."""
    split = [column.split('/') for column in columns]
    count = max(len(values) for values in split)
    for values, known in zip(split, (NEXT_STATES, REPLIES, TEXTS)):
        if len(values) not in (1, count):
            raise TableError(f'line {line}: {"/".join(values)} has not one value or {count}')
        pattern('|'.join(values), known, line)
    outcomes = [Outcome(*values) for values in
                zip(*(values * count if len(values) == 1 else values for values in split))]
    if len(set(outcomes)) != count:
        raise TableError(f'line {line}: an outcome stands there twice')
    return outcomes


def read_rules(text):
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        columns = line.split(' | ')
        if len(columns) != 9 or not all(columns):
            raise TableError(f'line {number}: {len(columns)} columns, not 9')
        yield Rule(number, pattern(columns[0], STATES, number), flag_pattern(columns[1], number),
                   pattern(columns[2], (*SEQS, 'any'), number), pattern(columns[3], (*ACKS, 'any', '-'), number),
                   pattern(columns[4], DATA, number), alternatives(columns[5:8], number))


def fits(rule, cell):
    return (cell.state in rule.state and cell.seq in rule.seq and cell.ack in rule.ack and cell.data in rule.data
            and rule.flags.fullmatch(cell.flags) is not None)


# Plain laws that no outcome may break, whatever the rules say: name, and whether a cell with this outcome keeps it.
LAWS = (
    ('nothing resets in answer to a reset (RFC 9293 §3.5.2)',
     lambda cell, outcome: 'R' not in cell.flags or outcome.reply in ('none', 'challenge')),
    ('a reset takes its number from an ACK field if there is one (RFC 9293 §3.5.2)',
     lambda cell, outcome: outcome.reply != ('rst-ack' if 'A' in cell.flags else 'rst-seq')),
    ('no reset leaves a synchronized state (RFC 9293 §3.5.2 group 3)',
     lambda cell, outcome: cell.state in ('CLOSED', 'LISTEN', *HANDSHAKE) or not outcome.reply.startswith('rst')),
    ('what lies outside the window changes nothing, but a SYN in TIME-WAIT may (RFC 9293 §3.10.7.4, MAY-2)',
     lambda cell, outcome: cell.seq not in ('outside-left', 'right-edge', 'outside-right')
     or outcome.next_state in ('same', 'REOPEN')),
    ('only a SYN reopens, and only TIME-WAIT (MAY-2)',
     lambda cell, outcome: outcome.next_state != 'REOPEN' or cell.state == 'TIME-WAIT' and cell.flags[:3] == 'S..'),
    ('without ACK a connection moves only by RST or SYN (RFC 9293 §3.10.7.4 fifth)',
     lambda cell, outcome: cell.flags[:3] != '...' or outcome.next_state == 'same'),
    ('text is delivered or kept only if there is some',
     lambda cell, outcome: outcome.text == 'none' or cell.data == 'with'),
    ('delivered text is acknowledged (RFC 9293 §3.10.7.4 seventh)',
     lambda cell, outcome: outcome.text != 'delivered' or outcome.reply == 'ack'),
    ('text with RST is never the application\'s (RFC 9293 §3.5.3)',
     lambda cell, outcome: 'R' not in cell.flags or outcome.text == 'none'),
    ('after the peer\'s FIN there is no text (RFC 9293 §3.10.7.4 seventh)',
     lambda cell, outcome: cell.state not in ('CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT')
     or outcome.text == 'none' or outcome.next_state == 'REOPEN'),
    ('a state that stays is written same',
     lambda cell, outcome: outcome.next_state != cell.state),
)


def check(rules, cells, wants_list):
    """Prints what is wrong with the table; the number of faults."""
    faults = 0
    used = set()
    for cell in cells:
        rule = next((rule for rule in rules if fits(rule, cell)), None)
        if rule is None:
            faults += 1
            print('no rule:', *cell)
            continue
        used.add(rule.line)
        for law, keeps in LAWS:
            if not all(keeps(cell, outcome) for outcome in rule.outcomes):
                faults += 1
                print(f'line {rule.line}: {" ".join(cell)}: breaks "{law}"')
        if wants_list:
            print(*cell, '->', ' or '.join(' '.join(outcome) for outcome in rule.outcomes), f'(line {rule.line})')
    for rule in rules:
        if rule.line not in used:
            faults += 1
            print(f'line {rule.line}: decides no cell')
    return faults


def main(arguments):
    wants_list = '--list' in arguments
    paths = [argument for argument in arguments if argument != '--list']
    table = pathlib.Path(paths[0]) if paths else pathlib.Path(__file__).with_name('state_matrix.txt')
    try:
        rules = list(read_rules(table.read_text(encoding='utf-8')))
    except (TableError, OSError) as error:
        print(f'{table}: {error}', file=sys.stderr)
        return 1
    cells = list(every_cell())
    faults = check(rules, cells, wants_list)
    print(f'{len(cells)} cells, {len(rules)} rules, {faults} faults')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
