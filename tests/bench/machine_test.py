"""What is said of the machine, and hugepages that are given back."""

import pathlib
import tempfile
import unittest
from unittest import mock

import machine
from processes import RunFailed

DESCRIBED = {"processor": "a processor", "processors": 2, "hypervisor": "kvm", "hugepages": True}


class Kinds(unittest.TestCase):
    def test_what_figures_depend_on_makes_another_kind(self) -> None:
        kind = machine.kind_of(DESCRIBED)
        for change in ({"processor": "another"}, {"processors": 4}, {"hypervisor": "none"}, {"hugepages": False}):
            self.assertNotEqual(machine.kind_of(DESCRIBED | change), kind)

    def test_who_is_busy(self) -> None:
        self.assertEqual(machine.busy({0: 0.99, 1: 0.95, 2: None}), [])
        self.assertEqual(machine.busy({0: 0.5}), ["processor 0 was idle for 50 % of the time before the run"])


class Hugepages(unittest.TestCase):
    """The kernel's file is an ordinary one here; free pages follow what is written to it, as far as there is room."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "nr_hugepages"
        self.file.write_text("10\n")
        self.used, self.room = 4, 1000
        for name, value in (("_HUGEPAGES", self.file), ("_free_hugepages", self.free)):
            patch = mock.patch.object(machine, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def free(self) -> int:
        return min(int(self.file.read_text()), self.room) - self.used

    def test_as_many_as_are_missing_are_added_and_given_back(self) -> None:
        with machine.hugepages(40) as there:  # Mebibytes: 20 pages, of which 6 are free.
            self.assertTrue(there)
            self.assertEqual(int(self.file.read_text()), 24)
        self.assertEqual(int(self.file.read_text()), 10)

    def test_also_after_a_failure(self) -> None:
        with self.assertRaises(RunFailed), machine.hugepages(40):
            raise RunFailed("anything")
        self.assertEqual(int(self.file.read_text()), 10)

    def test_enough_are_there_already(self) -> None:
        with machine.hugepages(12) as there:
            self.assertTrue(there)
            self.assertEqual(self.file.read_text(), "10\n")

    def test_a_machine_without_room_is_told_of(self) -> None:
        self.room = 12
        with machine.hugepages(40) as there:
            self.assertFalse(there)
        self.assertEqual(int(self.file.read_text()), 10)

    def test_a_kernel_without_hugepages(self) -> None:
        self.used = 10
        self.file.unlink()
        with mock.patch.object(machine, "_free_hugepages", lambda: 0), machine.hugepages(40) as there:
            self.assertFalse(there)


if __name__ == "__main__":
    unittest.main()
