"""Sums up the last test run of each build folder given: prints "N passed, N failed, N skipped".

Fails when a test failed or when none ran."""

import json
import pathlib
import sys


def main() -> int:
    passed = failed = skipped = 0
    for folder in sys.argv[1:]:
        log = pathlib.Path(folder) / "meson-logs" / "testlog.json"
        if not log.exists():
            print(f"count_tests: {log} is missing", file=sys.stderr)
            failed += 1
            continue
        for line in log.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)["result"]
            if result in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif result == "SKIP":
                skipped += 1
            else:
                failed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
