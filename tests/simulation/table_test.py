"""millrace-sim table --quick: thirty cells, each with its bound beside it, the same each time; what no loss and a buffer
of one bandwidth-delay product leave of the rate is nearly all of it on a short path; samples on demand.

    table_test.py MILLRACE_SIM
"""

import json
import subprocess
import sys


def table(program: str, *more: str) -> list[dict]:
    result = subprocess.run([program, "table", "--quick", *more], capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def main(program: str) -> int:
    cells = table(program)
    assert len(cells) == 30, len(cells)
    for cell in cells:
        # What a response function says is an average; the link's rate is a limit.
        assert 0 < cell["goodput_mbps"] <= cell["rate_mbps"], cell
        assert cell["share"] > 0.3, cell
        assert "samples" not in cell and "problem" not in cell, cell
    short = [cell for cell in cells if cell["rtt_ms"] == 10 and cell["loss_percent"] == 0]
    assert short and all(cell["share"] >= 0.95 for cell in short), short
    lossy = [cell for cell in cells if cell["loss_percent"] == 3]
    assert all(cell["retransmitted_segments"] > 0 for cell in lossy), lossy
    sampled = table(program, "--samples")
    assert any(sample["queue"] > 0 for cell in sampled for sample in cell["samples"])
    for cell, plain in zip(sampled, cells, strict=True):
        samples = cell.pop("samples")
        assert len(samples) >= 400 and samples[-1]["cwnd"] > 0, cell
        assert cell == plain, "the table is not the same twice"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
