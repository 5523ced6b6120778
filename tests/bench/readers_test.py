"""Outputs of other programs, as they were recorded in samples/ (shortened, otherwise untouched), and what spoils them."""

import json
import pathlib
import unittest

import readers
from readers import Unreadable

SAMPLES = pathlib.Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


class Testpmd(unittest.TestCase):
    def test_rates_of_each_answer(self) -> None:
        first, second = readers.testpmd_rates(sample("testpmd.txt"))
        self.assertEqual((first["RX-packets"], first["Rx-pps"]), (585632, 0))
        self.assertEqual((second["TX-packets"], second["Rx-pps"], second["Tx-pps"]), (3598400, 2896561, 2896561))

    def test_an_answer_that_is_not_whole_yet_is_none(self) -> None:
        text = sample("testpmd.txt")
        self.assertEqual(readers.testpmd_rates(text[:text.index("Rx-pps")]), [])

    def test_dropped_frames_are_seen(self) -> None:
        text = sample("testpmd.txt")
        self.assertEqual(readers.testpmd_dropped(text), 0)
        self.assertEqual(readers.testpmd_dropped(text.replace("TX-dropped: 0", "TX-dropped: 7", 1)), 7)

    def test_link(self) -> None:
        text = sample("testpmd.txt")
        self.assertTrue(readers.testpmd_link_is_up(text))
        self.assertFalse(readers.testpmd_link_is_up(text.replace("net_memif      up  ", "net_memif      down")))
        self.assertFalse(readers.testpmd_link_is_up("Number of available ports: 1\n"))


class Perf(unittest.TestCase):
    def test_exchanges(self) -> None:
        made = readers.perf_exchanges(readers.perf(sample("perf_rr.json")))
        self.assertAlmostEqual(made["rate"], 54969.112, places=3)
        self.assertEqual((made["median_ns"], made["p99_ns"], made["p99_9_ns"]), (4431, 8703, 4095999))
        self.assertEqual(made["tail_ns"], 4095999 - 4431)

    def test_a_stream_is_what_arrived_at_the_server(self) -> None:
        document = json.loads(sample("perf_stream.json"))
        made = readers.perf_stream(readers.perf(sample("perf_stream.json")))
        self.assertEqual(made["bits_per_second"], document["server"]["bits_in_per_second"])
        self.assertGreater(made["bits_per_second"], 1e9)

    def test_a_test_that_failed_has_no_figures(self) -> None:
        document = json.loads(sample("perf_rr.json")) | {"passed": False, "failures": ["client: 1 connections that failed"]}
        with self.assertRaisesRegex(Unreadable, "1 connections that failed"):
            readers.perf(json.dumps(document))

    def test_texts_that_are_none(self) -> None:
        for text, words in (("", "no JSON"), ("[]", "no JSON object"), ("{}", "told no passed"),
                            ('{"passed": true}', "told no client.seconds")):
            with self.assertRaisesRegex(Unreadable, words):
                readers.perf(text)


class PingPong(unittest.TestCase):
    def test_figures(self) -> None:
        made = readers.ping_pong(sample("ping_pong.json"))
        self.assertEqual((made["median_ns"], made["p99_9_ns"], made["tail_ns"]), (1375, 50815, 49440))
        self.assertAlmostEqual(made["rate"], 98694 / 1.008014)

    def test_no_round_trip_is_no_result(self) -> None:
        document = json.loads(sample("ping_pong.json")) | {"round_trips": 0}
        with self.assertRaisesRegex(Unreadable, "no round trip"):
            readers.ping_pong(json.dumps(document))


class Iperf3(unittest.TestCase):
    def test_what_was_received(self) -> None:
        self.assertAlmostEqual(readers.iperf3(sample("iperf3.json"))["bits_per_second"], 3314465152.465, places=2)

    def test_its_errors(self) -> None:
        with self.assertRaisesRegex(Unreadable, "Connection refused"):
            readers.iperf3('{"start": {}, "error": "unable to connect to server: Connection refused"}')


class Wrk(unittest.TestCase):
    def test_figures(self) -> None:
        self.assertEqual(readers.wrk(sample("wrk.txt")), {"rate": 17682.61, "median_ns": 3.47e6, "p99_ns": 12.46e6})

    def test_every_unit_of_time(self) -> None:
        for word, nanoseconds in (("870.00us", 870e3), ("1.20s", 1.2e9), ("1.50m", 90e9)):
            text = sample("wrk.txt").replace("     50%    3.47ms", f"     50%    {word}")
            self.assertEqual(readers.wrk(text)["median_ns"], nanoseconds)

    def test_errors_spoil_it(self) -> None:
        for line in ("  Socket errors: connect 0, read 5, write 0, timeout 2", "  Non-2xx or 3xx responses: 12"):
            with self.assertRaisesRegex(Unreadable, line.split(":")[0].strip()):
                readers.wrk(sample("wrk.txt") + line + "\n")

    def test_no_figures(self) -> None:
        with self.assertRaisesRegex(Unreadable, "no Requests/sec"):
            readers.wrk("unable to connect to 198.18.0.2:http Connection refused\n")


class Sockperf(unittest.TestCase):
    def test_microseconds_become_nanoseconds(self) -> None:
        made = readers.sockperf(sample("sockperf.txt"))
        self.assertEqual((made["median_ns"], made["p99_ns"], made["p99_9_ns"]), (37134, 4062719, 9060943))

    def test_dropped_messages_spoil_it(self) -> None:
        with self.assertRaisesRegex(Unreadable, "dropped messages = 3"):
            readers.sockperf(sample("sockperf.txt").replace("dropped messages = 0", "dropped messages = 3"))


class Machine(unittest.TestCase):
    def test_ticks_of_a_processor(self) -> None:
        idle, total = readers.processor_ticks(sample("stat.txt"), 1)
        self.assertEqual(idle, 1667345 + 70978)
        self.assertEqual(total, 4529200 + 770730 + 1525147 + 1667345 + 70978 + 0 + 39231 + 10478)

    def test_a_processor_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(Unreadable, "processor 10"):
            readers.processor_ticks(sample("stat.txt"), 10)

    def test_counters_among_other_lines(self) -> None:
        log = 'millrace-perf\n{"core":0,"stats":{"rx_frames":3}}\nwarning\n{"core":0,"stats":{"rx_frames":5}}\n{"core":0,"st'
        self.assertEqual([each["stats"]["rx_frames"] for each in readers.counters(log)], [3, 5])


if __name__ == "__main__":
    unittest.main()
