"""Two arms that were dealt in the same proportions throughout: one stratum."""

from collections.abc import Mapping

from cli.report import statistics
from cli.report.statistics import Comparison, Mean, Proportion, SampleRatio


def compare_proportions(
    control: Proportion, treatment: Proportion, alpha: float = 0.05
) -> Comparison | None:
    return statistics.compare_proportions([(control, treatment)], alpha)


def compare_means(control: Mean, treatment: Mean, alpha: float = 0.05) -> Comparison | None:
    return statistics.compare_means([(control, treatment)], alpha)


def sample_ratio(observed: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio | None:
    return statistics.sample_ratio([(observed, shares)])
