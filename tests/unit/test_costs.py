"""Capacity and cost on paper: the document is what the code computes, and the sums are right."""

import re
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import costs
from cli.costs import LIMITS, MILLION, Assumed, Prices, estimate, met
from cli.main import app
from infra.stages import Stage

DOCUMENT = Path(__file__).parents[2] / "docs" / "costs.md"


def test_the_document_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["costs"])
    assert printed.exit_code == 0
    assert printed.stdout == DOCUMENT.read_text(encoding="utf-8")


def test_everything_assumed_is_said() -> None:
    assert set(costs._SAYS) == {field.name for field in fields(Assumed)}


@pytest.mark.parametrize("field", [field.name for field in fields(Assumed)])
def test_whatever_is_assumed_changes_the_estimate(field: str) -> None:
    usual = Assumed()
    doubled = replace(usual, **{field: 2 * getattr(usual, field)})
    assert estimate(MILLION, assumed=doubled) != estimate(MILLION, assumed=usual)


@pytest.mark.parametrize("field", [field.name for field in fields(Prices)])
def test_every_price_is_paid(field: str) -> None:
    dear = replace(Prices(), **{field: 2 * getattr(Prices(), field)})
    usual, dearer = estimate(MILLION), estimate(MILLION, dear)
    assert dearer.total + dearer.tracing > usual.total + usual.tracing


def spelled_out(text: str) -> list[str]:
    return re.findall(r"^ {4}\w+(?: \w+){0,2} {2,}(.*)$", text, re.MULTILINE)


def of_the_page() -> list[str]:
    return spelled_out(DOCUMENT.read_text(encoding="utf-8").split("## The arithmetic", 1)[1])


def of_ones_own(users: int) -> str:
    printed = CliRunner().invoke(app, ["costs", "--users", str(users)])
    assert printed.exit_code == 0
    return printed.stdout


@pytest.mark.parametrize("line", [*of_the_page(), *spelled_out(costs.own(250_000))])
def test_the_arithmetic_comes_out_as_it_is_shown(line: str) -> None:
    plain = line.replace(",", "").replace(" bytes", "")
    for said, number in (("/ million", "/ 1e6"), ("/ GB", "/ 1e9"), ("GB", "")):
        plain = plain.replace(said, number)
    plain = re.sub(r"(\d+)%", r"(\1/100)", plain).removesuffix(" calls a second")
    for left, right in zip(plain.split("=")[:-1], plain.split("=")[1:], strict=True):
        shown = float(re.match(r"\s*([\d.]+)", right)[1])  # type: ignore[index] # else it fails
        worth = eval(left.strip().lstrip("* "))  # noqa: S307 - our own document's sums
        units = 1e9 if worth > 1e9 else 1.0  # bytes are shown in GB
        assert worth / units == pytest.approx(shown, rel=0.02), (left, right)


def test_the_arithmetic_has_a_line_for_whatever_costs() -> None:
    assert len(of_the_page()) == 16
    [total] = [line for line in of_the_page() if line.endswith(f" = {estimate(MILLION).total:.2f}")]
    assert total.count("+") == len(estimate(MILLION).dollars) - 1


def test_traces_are_told_apart_from_what_every_stage_pays() -> None:
    # Lambda takes the first call of each second, whatever else it is told.
    small = estimate(100_000)
    assert small.tracing > small.dollars["tables"]
    assert Stage(name="prod").tracing is False


@pytest.mark.parametrize("users", [1, 250_000, 10_000_000_000])
def test_the_sums_are_done_for_a_size_of_one_s_own(users: int) -> None:
    told = of_ones_own(users)
    assert told.startswith(f"{users:,} users a month: {estimate(users).total:,.2f} dollars, ")
    assert len(spelled_out(told)) == len(of_the_page())
    assert all(limit in told for limit in met(estimate(users)))


@pytest.mark.parametrize("users", ["0", "-1", "many"])
def test_what_is_no_size_is_refused(users: str) -> None:
    assert CliRunner().invoke(app, ["costs", "--users", users]).exit_code == 2


def test_a_thousand_users_cost_little_more_than_the_alarms() -> None:
    assert estimate(1_000).total < 1.05 * Prices().fixed


def test_ten_times_the_users_cost_at_most_ten_times_as_much() -> None:
    totals = [estimate(users).total for users in costs.SIZES]
    assert all(more <= 10 * less for less, more in pairwise(totals))


def test_a_limit_is_told_before_it_is_met() -> None:
    assert met(estimate(MILLION)) == []
    assert "`throttleRate` of the stage" in met(estimate(100 * MILLION))


def test_the_stage_s_own_limit_is_the_one_that_a_stage_has() -> None:
    assert LIMITS[0].most == Stage(name="prod").throttle_rate
