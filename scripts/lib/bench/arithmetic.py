"""What becomes of repeated measurements: middles, spreads, ratios of runs that took turns, and whether a figure has
become worse than chance explains. Numbers in, numbers out."""

import dataclasses
import math

# Below this a difference between two sessions on one machine says nothing, however small the spread within each.
TOLERANCE_LEAST = 0.03
TOLERANCE_SPREADS = 1.5


def quantile(values: list[float], share: float) -> float:
    """Between the two nearest values in proportion, as spreadsheets do it."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclasses.dataclass(frozen=True)
class Summary:
    """Of one figure over the rounds. The spread is the distance of the quartiles: half of the rounds lie within."""

    count: int
    median: float
    lower_quartile: float
    upper_quartile: float
    least: float
    most: float

    @property
    def spread(self) -> float:
        return self.upper_quartile - self.lower_quartile

    @property
    def relative_spread(self) -> float:
        """As a share of the median; 0 where the median is 0."""
        return abs(self.spread / self.median) if self.median else 0.0

    def as_json(self) -> dict:
        return dataclasses.asdict(self) | {"spread": self.spread, "relative_spread": self.relative_spread}


def summarize(values: list[float]) -> Summary:
    return Summary(
        count=len(values),
        median=quantile(values, 0.5),
        lower_quartile=quantile(values, 0.25),
        upper_quartile=quantile(values, 0.75),
        least=min(values),
        most=max(values),
    )


def paired(numerators: list[float | None], denominators: list[float | None]) -> list[tuple[float, float]]:
    """Values of the same round; rounds in which either failed are left out."""
    return [(above, below) for above, below in zip(numerators, denominators) if above is not None and below is not None]


def ratios(numerators: list[float | None], denominators: list[float | None]) -> list[float]:
    """One for each round, so that what slows a whole round down falls out. The median of these is the result, not the
    ratio of the medians."""
    return [above / below for above, below in paired(numerators, denominators) if below != 0]


def differences(numerators: list[float | None], denominators: list[float | None]) -> list[float]:
    return [above - below for above, below in paired(numerators, denominators)]


def tolerance(before: Summary, after: Summary) -> float:
    """By how much, as a share of the median, two sessions may differ without meaning anything."""
    return max(TOLERANCE_LEAST, TOLERANCE_SPREADS * (before.relative_spread + after.relative_spread))


def loss(before: float, after: float, is_more_better: bool) -> float:
    """How much worse `after` is; negative: better. A rate that halves and a latency that doubles have both lost 1.0: a
    loss knows no end, so that there is one beyond any tolerance."""
    better, worse = (after, before) if is_more_better else (before, after)
    if better == 0:
        return 0.0 if worse == 0 else math.inf
    return worse / better - 1


def idle_share(before: tuple[int, int], after: tuple[int, int]) -> float | None:
    """Of a processor between two readings of its idle ticks and all ticks; None: no tick has passed."""
    total = after[1] - before[1]
    return (after[0] - before[0]) / total if total > 0 else None
