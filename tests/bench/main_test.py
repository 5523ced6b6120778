"""What the command line may ask for."""

import json
import pathlib
import tempfile
import unittest

import catalog
import main

WHOLE = {
    "format": 1, "interrupted": False, "runs": {}, "comparisons": {},
    "settings": {"rounds": 5, "seconds": 5.0, "quick": False, "cases": list(catalog.CASES)},
}


def with_settings(**changes) -> dict:
    return WHOLE | {"settings": WHOLE["settings"] | changes}


class PageFrom(unittest.TestCase):
    def check(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "figures.json"
            path.write_text(text, encoding="utf-8")
            main.check(main.arguments_of(["--page-from", str(path)]))

    def test_a_whole_session_will_do(self) -> None:
        self.check(json.dumps(WHOLE))

    def test_what_publish_would_not_have_written_is_refused(self) -> None:
        for document, words in ((with_settings(quick=True), "is a quick one"),
                                (with_settings(cases=["memif-rr"]), "is without memif-rr-1"),
                                (WHOLE | {"interrupted": True}, "is interrupted")):
            with self.assertRaisesRegex(main.Usage, words):
                self.check(json.dumps(document))

    def test_files_that_are_no_session(self) -> None:
        for text in ("", "{", "[]", json.dumps(WHOLE | {"format": 0}), '{"format": 1, "runs": {}}'):
            with self.assertRaisesRegex(main.Usage, "no session"):
                self.check(text)


if __name__ == "__main__":
    unittest.main()
