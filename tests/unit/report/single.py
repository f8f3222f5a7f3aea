"""Two arms that were dealt in the same proportions throughout: one stratum."""

from cli.report import statistics
from cli.report.statistics import Comparison, Mean, Proportion


def compare_proportions(
    control: Proportion, treatment: Proportion, alpha: float = 0.05
) -> Comparison | None:
    return statistics.compare_proportions([(control, treatment)], alpha)


def compare_means(control: Mean, treatment: Mean, alpha: float = 0.05) -> Comparison | None:
    return statistics.compare_means([(control, treatment)], alpha)
