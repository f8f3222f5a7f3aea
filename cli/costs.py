"""What Softask costs and needs, from a thousand users to a hundred million, on paper.

The page `docs/costs.md` is made of it: every figure there is computed here from what is assumed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

DAYS = 30
SECONDS = 86_400
MILLION = 1_000_000
GB = 1_000_000_000

SIZES = (1_000, 10_000, 100_000, MILLION, 10 * MILLION, 100 * MILLION)


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars; list prices of us-east-1, November 2026, the first tier, and no free tier."""

    call: float = 1.00 / MILLION
    write_unit: float = 0.625 / MILLION
    read_unit: float = 0.125 / MILLION
    invocation: float = 0.20 / MILLION
    gb_second: float = 0.000_013_333_4
    logged_gb: float = 0.50
    event: float = 1.00 / MILLION
    trace: float = 5.00 / MILLION
    stored_gb: float = 0.25
    recoverable_gb: float = 0.20
    fixed: float = 22.0


@dataclass(frozen=True, slots=True)
class Assumed:
    """What users and code do. Each has its words in `_SAYS`."""

    active: float = 0.20
    messages: int = 3
    writes: float = 1.0
    other: int = 30
    batch: int = 20
    new: float = 0.10
    facts: int = 8
    fact_units: int = 8
    window_units: int = 6
    told: float = 0.75
    milliseconds: int = 20
    memory: float = 0.5
    line: int = 1_000
    traced: float = 0.05
    months: int = 25
    profile: int = 1_000
    ledger: int = 4_000
    peak: int = 5


_SAYS = {
    "active": "of a month's users are there on a day",
    "messages": "messages of such a user matter a day, each sent by itself: a session's start,"
    " a value moment, an outcome or a trait",
    "writes": "of them change the profile: one conditional write each beside one strong read",
    "other": "further events a day, where the whole feed is mirrored; no campaign listens, so"
    " that they cost no call of the database",
    "batch": "of those in a batch",
    "new": "of a month's users are new, and are asked in that month",
    "facts": "facts of each of these: exposed, offered, shown, answered, prompted, …",
    "fact_units": "write units a fact: its item and its counters in a transaction, at twice the"
    " price of plain writes",
    "window_units": "write units for a retry window: put with the Shown, indexed, deleted",
    "told": "of the facts are events on the bus",
    "milliseconds": "milliseconds of a function, a call",
    "memory": "GB of memory of a function",
    "line": "bytes of log a call: the access log's line and the function's own",
    "traced": "of the calls are traced where the stage has `tracing`, beside the first of each"
    " second: so Lambda samples for X-Ray",
    "months": "months a profile stays after its last message; the stored ones are then this"
    " month's users and those that came new in so many months",
    "profile": "bytes of a profile; at 1,500, a write is two units",
    "ledger": "bytes of a user's facts with their keys",
    "peak": "times the average is the peak's rate",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month of so many users. Dollars by item; what the whole feed adds, `mirrored`, and what
    `tracing` does.
    """

    users: int
    calls: float
    dollars: dict[str, float]
    mirrored: float
    tracing: float
    peak_calls: float
    peak_runs: float
    peak_writes: float
    stored_gb: float

    @property
    def total(self) -> float:
        """Dollars, without the mirrored feed and traces."""
        return sum(self.dollars.values())


def estimate(users: int, prices: Prices | None = None, assumed: Assumed | None = None) -> Estimate:
    """By the assumptions, of a stage whose clients send what campaigns listen to."""
    cost, says = prices or Prices(), assumed or Assumed()
    visits = users * says.active * DAYS
    calls = visits * says.messages
    facts = users * says.new * says.facts
    seconds = says.milliseconds / 1_000
    run = cost.invocation + seconds * says.memory * cost.gb_second
    log = says.line / GB * cost.logged_gb
    writes = calls * says.writes
    ledger = facts * says.fact_units + users * says.new * says.window_units
    traced = _traced(calls, says)
    stored = users * (1 + says.new * says.months) * (says.profile + says.ledger) / GB
    batches = visits * says.other / says.batch
    peak = calls / DAYS / SECONDS * says.peak
    dollars = {
        "API": calls * cost.call,
        "functions": calls * run + facts * run,
        "tables": calls * cost.read_unit + (writes + ledger) * cost.write_unit,
        "events": facts * says.told * cost.event,
        "logs": calls * log,
        "storage": stored * (cost.stored_gb + cost.recoverable_gb),
        "fixed": cost.fixed,
    }
    return Estimate(
        users=users,
        calls=calls,
        dollars=dollars,
        mirrored=batches * (cost.call + run + log),
        tracing=traced * cost.trace,
        peak_calls=peak,
        peak_runs=peak * seconds,
        peak_writes=(writes + ledger) / DAYS / SECONDS * says.peak,
        stored_gb=stored,
    )


def _traced(calls: float, says: Assumed) -> float:
    """Lambda takes the first of each second, and a share of the others."""
    first = min(calls, DAYS * SECONDS)
    return first + says.traced * (calls - first)


# --- limits ---


@dataclass(frozen=True, slots=True)
class Limit:
    """What refuses more, by whose setting, and which figure of an estimate meets it."""

    name: str
    most: int
    of: Callable[[Estimate], float]


LIMITS = (
    Limit("`throttleRate` of the stage", 1_000, lambda each: each.peak_calls),
    Limit("API Gateway, account and region", 10_000, lambda each: each.peak_calls),
    Limit("concurrent runs of Lambda, account and region", 1_000, lambda each: each.peak_runs),
    Limit("writes a second of a new table", 4_000, lambda each: each.peak_writes),
    Limit("writes a second of a table, by quota", 40_000, lambda each: each.peak_writes),
)


def met(of: Estimate) -> list[str]:
    """The limits that such a peak comes to, half of one being too near."""
    return [limit.name for limit in LIMITS if limit.of(of) > limit.most / 2]


# --- the page ---

_HEAD = """\
<!-- Written by `softask costs > docs/costs.md`; the figures and words are in cli/costs.py. -->
# Capacity and cost

On paper: list prices of us-east-1 (November 2026), no free tier, no discounts, and what is
assumed below. `softask costs --users 250000` does the same sums for your own size; to change what
is assumed, put it into `Assumed` in `cli/costs.py`.

## Assumed
"""

_MONTH = """\

## Dollars a month

A month's users, and what their calls cost. *Mirrored* comes on top where an app's whole feed is
sent here instead of what `GET /v1/projects/{writeKey}/settings` asks for, *traced* where the stage
has `tracing`: X-Ray then costs a small stage more than its tables.
"""

_ONE = """\

## The arithmetic, for a million users

"""

_PEAK = """\

## At the peak

What a second brings at the busiest hour, and which limits are then more than half used. A table on
demand starts at 4,000 writes a second, and doubles within half an hour; warm it before a launch
(`aws dynamodb update-table --table-name NAME --warm-throughput …`). A limit of AWS's is raised by a
request in Service Quotas, which takes days: ask before the launch.
"""

_REST = """\

## What is not in it

- AWS's support, taxes, and what leaves the region: a million answers are a GB, or 0.09 dollars.
- `customerKey`: a dollar, and 0.03 for 10,000 requests to KMS. `backups`: 0.10 dollars a GB.
- CloudFront and WAF: WAF alone is 0.60 dollars a million requests, nearly as much as the tables.
- Reports and `explain`: a few reads each.
- API Gateway's second tier, 0.90 from 300 million calls a month on: the largest get cheaper.

`-c monthlyBudget=` has AWS write before the month is dear. What bounds the cost of abuse is
`throttleRate`: a stage that is called 1,000 times a second all month, by whomever, answers 2.6
billion calls. With a wrong key, a million cost {refused:.2f} dollars, and no call of the database.
"""


def page() -> str:
    """The whole page."""
    return "".join(
        (
            _HEAD,
            *_assumed(),
            _MONTH,
            *_months(),
            _ONE,
            *_arithmetic(MILLION),
            _PEAK,
            *_peaks(),
            _end(),
        )
    )


def _assumed() -> Iterator[str]:
    said = Assumed()
    for field in fields(Assumed):
        value = getattr(said, field.name)
        told = f"{value:.0%}" if isinstance(value, float) and value <= 1 else f"{value:,}"
        if field.name == "memory":
            told = f"{value:g}"
        yield f"\n- **{told}** {_SAYS[field.name]}."
    fixed = Prices().fixed
    yield f"\n- **{fixed:g} dollars** for alarms, metrics, the key, a dashboard, SnapStart.\n"


def _months() -> Iterator[str]:
    items = list(estimate(1).dollars)
    yield from _table(
        ["users", "calls", *items, "**all**", "a user", "mirrored", "traced"],
        (
            [
                f"{each.users:,}",
                f"{each.calls / MILLION:,.2f} M",
                *(f"{each.dollars[item]:,.2f}" for item in items),
                f"**{each.total:,.2f}**",
                f"{each.total / each.users:.6f}",
                f"+ {each.mirrored:,.2f}",
                f"+ {each.tracing:,.2f}",
            ]
            for each in map(estimate, SIZES)
        ),
    )


def _arithmetic(users: int) -> Iterator[str]:
    said, cost, each = Assumed(), Prices(), estimate(users)
    visits, facts, new = users * said.active * DAYS, users * said.new * said.facts, users * said.new
    run = cost.invocation + said.milliseconds / 1_000 * said.memory * cost.gb_second
    units = each.calls * said.writes + facts * said.fact_units + new * said.window_units
    first = min(each.calls, DAYS * SECONDS)
    lines = [
        f"days of use  {users:,} * {said.active:.0%} * {DAYS} = {visits:,.0f}",
        f"calls        {visits:,.0f} * {said.messages} = {each.calls:,.0f}",
        f"API          {each.calls:,.0f} * {cost.call * MILLION:.2f} / million"
        f" = {each.dollars['API']:,.2f}",
        f"facts        {users:,} * {said.new:.0%} * {said.facts} = {facts:,.0f}",
        f"functions    ({each.calls:,.0f} + {facts:,.0f}) * {run * MILLION:.4f} / million"
        f" = {each.dollars['functions']:,.2f}",
        f"reads        {each.calls:,.0f} * {cost.read_unit * MILLION:.3f} / million"
        f" = {each.calls * cost.read_unit:,.2f}",
        f"write units  {each.calls * said.writes:,.0f} + {facts:,.0f} * {said.fact_units}"
        f" + {new:,.0f} * {said.window_units} = {units:,.0f}",
        f"writes       {units:,.0f} * {cost.write_unit * MILLION:.3f} / million"
        f" = {units * cost.write_unit:,.2f}",
        f"events       {facts:,.0f} * {said.told:.0%} * {cost.event * MILLION:.2f} / million"
        f" = {each.dollars['events']:,.2f}",
        f"logs         {each.calls:,.0f} * {said.line:,} bytes * {cost.logged_gb:.2f} / GB"
        f" = {each.dollars['logs']:,.2f}",
        f"stored       {users:,} * (1 + {said.new:.0%} * {said.months})"
        f" * {said.profile + said.ledger:,} bytes = {each.stored_gb:,g} GB",
        f"storage      {each.stored_gb:,g} GB * ({cost.stored_gb:.2f} + {cost.recoverable_gb:.2f})"
        f" = {each.dollars['storage']:,.2f}",
        f"all          {' + '.join(f'{each.dollars[item]:,.2f}' for item in each.dollars)}"
        f" = {each.total:,.2f}",
        f"traced       {first:,.0f} + {said.traced:.0%} * {each.calls - first:,.0f}"
        f" = {each.tracing / cost.trace:,.0f}, * {cost.trace * MILLION:.2f} / million"
        f" = {each.tracing:,.2f}",
        f"with traces  {each.total:,.2f} + {each.tracing:,.2f} = {each.total + each.tracing:,.2f}",
        f"peak         {each.calls:,.0f} / {DAYS} / {SECONDS:,} * {said.peak}"
        f" = {each.peak_calls:,.2f} calls a second",
    ]
    yield "".join(f"    {line}\n" for line in lines)


def own(users: int) -> str:
    """The same sums for a size of one's own, and what its peak comes near to."""
    each = estimate(users)
    near = ", ".join(met(each)) or "no limit"
    return (
        f"{users:,} users a month: {each.total:,.2f} dollars, {each.tracing:,.2f} more with"
        f" tracing, {each.mirrored:,.2f} with the whole feed.\n\n"
        f"{''.join(_arithmetic(users))}\n"
        f"The peak comes near to: {near}. What is assumed: docs/costs.md.\n"
    )


def _peaks() -> Iterator[str]:
    yield from _table(
        ["users", "calls a second", "functions at once", "writes a second", "GB", "raise"],
        (
            [
                f"{each.users:,}",
                f"{each.peak_calls:,.1f}",
                f"{each.peak_runs:,.1f}",
                f"{each.peak_writes:,.1f}",
                f"{each.stored_gb:,.2f}",
                ", ".join(met(each)) or "nothing",
            ]
            for each in map(estimate, SIZES)
        ),
    )


def _end() -> str:
    said, cost = Assumed(), Prices()
    # No table is met on the way: a few milliseconds, as a batch that no campaign listens to.
    run = cost.invocation + 0.005 * said.memory * cost.gb_second
    refused = (cost.call + run + said.line / GB * cost.logged_gb) * MILLION
    return _REST.format(refused=refused)


def _table(headings: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"\n| {' | '.join(headings)} |\n|{'---:|' * len(headings)}\n"
    for row in rows:
        yield f"| {' | '.join(row)} |\n"
