"""millrace-sim fairness: 2, 4 and 16 flows of each of the library's controllers share a link to a Jain index of 0.95 once
they have settled, and fill it.

    fairness_test.py MILLRACE_SIM
"""

import json
import subprocess
import sys

FLOWS = {2, 4, 16}


def main(program: str) -> int:
    result = subprocess.run([program, "fairness"], capture_output=True, text=True, timeout=500, check=False)
    assert result.returncode == 0, result.stderr
    runs = json.loads(result.stdout)
    status = 0
    for controller in dict.fromkeys(run["controller"] for run in runs):
        own = [run for run in runs if run["controller"] == controller]
        assert {run["flows"] for run in own} == FLOWS, own
        for run in own:
            assert run["marks"] == (controller == "dctcp"), run
            is_fine = run["jain"] >= 0.95 and run["use"] >= 0.95 and len(run["mbps"]) == run["flows"]
            status = status if is_fine else 1
            print(f"{controller:<6}{run['flows']:>3} flows: Jain {run['jain']:.3f}, {run['use']:.1%} of the link"
                  f"{'' if is_fine else ' <- below 0.95'}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
