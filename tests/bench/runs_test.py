"""What runs make of counters and documents, and what programs are told of wires."""

import pathlib
import unittest

import shared_memory_runs as memory
import veth_runs
import wires
from processes import RunFailed
from stage import Stage, client_command, eal_arguments


def stage(**options) -> Stage:
    return Stage(**{"programs": {"perf": pathlib.Path("/b/millrace-perf")}, "folder": pathlib.Path("/none"),
                    "server_processor": 1, "client_processor": 0, "seconds": 5, "has_hugepages": True} | options)


DOCUMENT = {"client": {"exchanges_per_second": 10.0, "seconds": 2, "processor_seconds": 2, "total": {"opened": 1000}},
            "server": {"seconds": 2, "processor_seconds": 1.5},
            "latency_ns": {"p50": 5, "p99": 7, "p99_9": 9}}
GROWN = {"rx_frames": 4010, "tx_frames": 3005, "tcp_time_wait_recycled": 0, "tcp_time_wait_reused": 3,
         "tcp_resets_in": 1, "tcp_resets_out": 0}


class Connects(unittest.TestCase):
    def test_packets_of_a_connection_are_all_that_crossed_the_wire(self) -> None:
        self.assertEqual(memory._connect_figures(stage(), DOCUMENT, GROWN)["packets_each"], 7.01)

    def test_the_control_connection_alone_may_be_cut(self) -> None:
        for change in ({"tcp_resets_in": 2}, {"tcp_resets_out": 1}):
            with self.assertRaisesRegex(RunFailed, "resets in"):
                memory._connect_figures(stage(), DOCUMENT, GROWN | change)

    def test_time_wait_must_last_its_minute(self) -> None:
        with self.assertRaisesRegex(RunFailed, "5 connections left TIME-WAIT early"):
            memory._connect_figures(stage(), DOCUMENT, GROWN | {"tcp_time_wait_recycled": 5})

    def test_there_are_ports_for_all_that_are_kept(self) -> None:
        """Pairs of ends, with 28,232 ports of each client address."""
        pairs = memory.CRR_ADDRESSES * memory.CRR_PORTS * (60_999 - 32_768 + 1)
        self.assertGreater(pairs, 60 * 900_000)
        self.assertLessEqual(memory.CRR_ADDRESSES, 8)  # A device takes no more.


class Disturbance(unittest.TestCase):
    def test_an_end_without_its_whole_processor_is_told_of(self) -> None:
        made = stage()
        memory._look_for_disturbance(made, DOCUMENT)
        self.assertEqual(made.warnings, ["the server had 75 % of its processor"])
        self.assertEqual(made.notes, {"client_share": 1.0, "server_share": 0.75})

    def test_http_has_no_server_that_tells(self) -> None:
        made = stage()
        memory._look_for_disturbance(made, DOCUMENT | {"server": None})
        self.assertEqual(made.warnings, [])


class OpenLoop(unittest.TestCase):
    def test_the_same_share_of_the_rate_of_the_first_round(self) -> None:
        self.assertEqual(veth_runs._open_loop(stage(rates={"a": 50_001.0}), "a"), ["--rate", 25_000])
        self.assertEqual(veth_runs._open_loop(stage(), None), [])

    def test_no_rate_is_a_failure_and_no_guess(self) -> None:
        with self.assertRaisesRegex(RunFailed, "a has no result"):
            veth_runs._open_loop(stage(), "a")


class CommandLines(unittest.TestCase):
    def test_both_ends_of_shared_memory(self) -> None:
        wire = wires.SharedMemory("memif", pathlib.Path("/run/m"))
        self.assertEqual(wire.device(True, ["198.18.0.2"]),
                         ["--device", "memif:/run/m,server", "--mtu", "1500", "--address", "198.18.0.2/16"])
        self.assertEqual(wire.device(False, ["198.18.0.1"])[1], "memif:/run/m")
        wire = wires.SharedMemory("vhost", pathlib.Path("/run/v"))
        self.assertEqual([wire.device(is_server, [])[1] for is_server in (True, False)],
                         ["vhost:/run/v", "virtio-user:/run/v"])
        wire = wires.SharedMemory("vhost", pathlib.Path("/run/v"), mtu=9000, joins_segments=True)
        self.assertEqual([wire.device(is_server, []) for is_server in (True, False)],
                         [["--device", "vhost:/run/v,tso", "--mtu", "9000"],
                          ["--device", "virtio-user:/run/v,tso", "--mtu", "9000"]])

    def test_a_wire_that_joins_no_segments_is_not_measured_as_if_it_did(self) -> None:
        with self.assertRaisesRegex(RunFailed, "memif joins no segments"):
            wires.SharedMemory("memif", pathlib.Path("/run/m"), joins_segments=True)

    def test_one_address_or_several(self) -> None:
        self.assertEqual(wires.client_addresses(1), [wires.CLIENT_ADDRESS])
        self.assertEqual(wires.client_addresses(3), ["198.18.64.1", "198.18.64.2", "198.18.64.3"])

    def test_pages_are_the_same_for_all(self) -> None:
        self.assertEqual(stage().memory_of_millrace(), [])
        self.assertIn("--in-memory", stage().memory())
        ordinary = stage(has_hugepages=False)
        self.assertEqual(ordinary.memory_of_millrace(), ["--eal=--no-huge"])
        self.assertIn("--no-huge", eal_arguments(ordinary, 1, "x", "net_memif0"))

    def test_every_lcore_of_testpmd_is_on_its_processor(self) -> None:
        self.assertIn("--lcores=0@1,1@1", eal_arguments(stage(), 1, "x", "net_memif0", lcores=2))

    def test_nothing_of_tcp_is_switched_off(self) -> None:
        words = [str(word) for word in client_command(stage(), "rr", ["--connections", 256])]
        self.assertNotIn("--tcp", words)
        self.assertEqual(words[:4], ["/b/millrace-perf", "client", "198.18.0.2", "--mode"])

    def test_a_program_that_is_not_built_is_named(self) -> None:
        with self.assertRaisesRegex(RunFailed, "perf-static is not built"):
            client_command(stage(), "rr", [], program="perf-static")


if __name__ == "__main__":
    unittest.main()
