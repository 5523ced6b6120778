"""Middles, spreads, ratios of rounds and tolerances."""

import math
import unittest

from arithmetic import (TOLERANCE_LEAST, differences, idle_share, loss, quantile, ratios, summarize, tolerance)


class Quantile(unittest.TestCase):
    def test_the_middle_of_an_odd_and_of_an_even_number(self) -> None:
        self.assertEqual(quantile([5, 1, 3], 0.5), 3)
        self.assertEqual(quantile([4, 1, 3, 2], 0.5), 2.5)

    def test_quartiles_lie_between_values_in_proportion(self) -> None:
        self.assertEqual(quantile([1, 2, 3, 4, 5], 0.25), 2)
        self.assertEqual(quantile([10, 20], 0.75), 17.5)

    def test_one_value_is_all_of_them(self) -> None:
        self.assertEqual([quantile([7], share) for share in (0, 0.25, 1)], [7, 7, 7])

    def test_of_nothing_there_is_none(self) -> None:
        with self.assertRaises(ValueError):
            quantile([], 0.5)


class Summaries(unittest.TestCase):
    def test_spread_is_the_distance_of_the_quartiles(self) -> None:
        made = summarize([100, 90, 110, 105, 95])
        self.assertEqual((made.median, made.least, made.most, made.count), (100, 90, 110, 5))
        self.assertEqual(made.spread, 10)
        self.assertAlmostEqual(made.relative_spread, 0.1)

    def test_one_outlier_in_five_moves_neither_median_nor_spread_much(self) -> None:
        made = summarize([100, 101, 99, 100, 1000])
        self.assertEqual(made.median, 100)
        self.assertEqual(made.spread, 1)

    def test_a_median_of_zero_has_no_relative_spread(self) -> None:
        self.assertEqual(summarize([-1, 0, 1]).relative_spread, 0)


class Comparisons(unittest.TestCase):
    def test_ratios_are_of_the_same_round(self) -> None:
        # The machine is slow in the second round: the ratio is not.
        self.assertEqual(ratios([10, 5, 20], [100, 50, 200]), [0.1, 0.1, 0.1])

    def test_the_median_of_ratios_is_not_the_ratio_of_medians(self) -> None:
        above, below = [1, 2, 9], [1, 4, 3]
        self.assertEqual(summarize(ratios(above, below)).median, 1)
        self.assertNotEqual(quantile(above, 0.5) / quantile(below, 0.5), 1)

    def test_rounds_in_which_either_failed_are_left_out(self) -> None:
        self.assertEqual(ratios([10, None, 30], [5, 5, None]), [2])
        self.assertEqual(differences([10, None, 30], [5, 5, 20]), [5, 10])

    def test_what_is_missing_at_the_end_after_a_signal_too(self) -> None:
        self.assertEqual(ratios([10, 20], [5]), [2])

    def test_nothing_is_divided_by_zero(self) -> None:
        self.assertEqual(ratios([1, 2], [0, 1]), [2])


class Losses(unittest.TestCase):
    def test_of_a_rate_and_of_a_latency(self) -> None:
        self.assertAlmostEqual(loss(100, 50, is_more_better=True), 1.0)
        self.assertAlmostEqual(loss(100, 125, is_more_better=True), -0.2)
        self.assertAlmostEqual(loss(100, 110, is_more_better=False), 0.1)

    def test_from_nothing(self) -> None:
        self.assertEqual(loss(0, 0, False), 0)
        self.assertEqual(loss(0, 5, False), math.inf)
        self.assertEqual(loss(5, 0, True), math.inf)
        self.assertEqual(loss(0, 5, True), -1)

    def test_tolerance_has_a_floor_and_grows_with_either_spread(self) -> None:
        steady, wide = summarize([100] * 5), summarize([90, 95, 100, 105, 110])
        self.assertEqual(tolerance(steady, steady), TOLERANCE_LEAST)
        self.assertAlmostEqual(tolerance(steady, wide), 0.15)
        self.assertAlmostEqual(tolerance(wide, wide), 0.3)


class Idle(unittest.TestCase):
    def test_share_between_two_readings(self) -> None:
        self.assertEqual(idle_share((100, 200), (175, 300)), 0.75)

    def test_no_tick_has_passed(self) -> None:
        self.assertIsNone(idle_share((100, 200), (100, 200)))


if __name__ == "__main__":
    unittest.main()
