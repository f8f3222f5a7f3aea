"""Who may see a campaign: conditions, each compiled once into a rule of plain functions.

A condition says exactly one subject. What is absent reads as the condition's `default`, else as
the settings' one; where neither is said no operator holds for it, but `exists: false`. What a file
says wrongly is a `CampaignError` when it is loaded, never a silent False while it runs.
"""

from collections.abc import Callable, Mapping
from math import ceil, floor
from operator import attrgetter
from typing import Any

from functions.core.conditions import Condition, Scalar
from functions.core.errors import CampaignError
from functions.core.experiment import share
from functions.core.happened import CAMPAIGN_TAKES, EVENT_TAKES, compile_campaign, compile_event
from functions.core.model import DAY, Device, PushStatus, User
from functions.core.moments import format_time
from functions.core.operators import (
    OPERATORS,
    Place,
    TimedComparison,
    as_tuple,
    as_written,
    is_number,
)
from functions.core.properties import compile_properties
from functions.core.rules import (
    GROUPS,
    PropertyRule,
    Read,
    Rule,
    Said,
    Subject,
    comparison_of,
    group,
    never,
    nothing,
    said_in,
    subject_of,
    to_come,
)

__all__ = [
    "PUSH_STATUS",
    "PropertyRule",
    "Rule",
    "Subject",
    "compile_audience",
    "compile_properties",
    "in_percent",
]

PUSH_STATUS = "push_permission_status"
"""Reads as the acting device's permission, not as the trait of that name."""

DECLINED_AT = "push_softask_declined_at"
"""Reads as the latest decline that is known, whether the app told of it or it was counted here."""

_COMPARED = (*OPERATORS, "default")
_EQUALITY = ("is", "is_not", "in", "not_in")
_ORDER = ("gt", "gte", "lt", "lte", "between")
_TEXTS = ("contains", "starts_with", "ends_with")
_VERSIONS = ("version_is", "version_gt", "version_gte", "version_lt", "version_lte")
_VERSIONED = ("os_version", "app_version")
_WHEN = ("exists", "before", "after", "within")
_SUBJECTS = {
    **GROUPS,
    "attribute": _COMPARED,
    "device": (*_EQUALITY, *_TEXTS, *_VERSIONS, "exists", "default"),
    "days_since": (*_EQUALITY, *_ORDER, "exists", "default"),
    "event": EVENT_TAKES,
    "campaign": CAMPAIGN_TAKES,
    "percent": ("salt",),
}


def compile_audience(
    condition: Condition | None,
    defaults: Mapping[str, Scalar],
    place: Place = ("audience",),
    *,
    salt: str = "",
) -> Rule:
    """One rule for the whole tree; everyone where there is no condition.

    defaults: the settings' own, by attribute. salt: of a `percent` that names none.
    """
    if condition is None:
        return Rule("everyone", lambda _: True, nothing, never)
    said = said_in(condition)
    subject = subject_of(said, _SUBJECTS, place)
    if subject in GROUPS:
        conditions: tuple[Condition, ...] = said[subject]
        return group(
            subject,
            tuple(
                compile_audience(each, defaults, (*place, subject, index), salt=salt)
                for index, each in enumerate(conditions)
            ),
        )
    if subject == "attribute":
        return _attribute(said, defaults, place)
    if subject == "percent":
        return _percent(said, salt)
    return _COMPILE[subject](said, place)


def in_percent(salt: str, user: User, percent: float) -> bool:
    """Whether the user is in that share of all; raising it keeps those already in."""
    return share(salt, user) < percent


def _attribute(said: Said, defaults: Mapping[str, Scalar], place: Place) -> Rule:
    name = said["attribute"]
    if name == PUSH_STATUS:
        return _push_status(said, place)
    if name == DECLINED_AT:
        return _declined_at(said, defaults, place)
    comparison, default = comparison_of(said, name, _COMPARED, place, defaults.get(name))

    def read(subject: Subject) -> Any:
        found = subject.attributes.get(name)
        return default if found is None else found.value

    if isinstance(comparison, TimedComparison):
        return _timed(name, comparison, read)
    test = comparison.holds
    absent = test(default)

    def holds(subject: Subject) -> bool:
        found = subject.attributes.get(name)
        return absent if found is None else test(found.value)

    return Rule(f"{name} {comparison.says}", holds, read, never)


def _timed(name: str, comparison: TimedComparison, read: Read) -> Rule:
    test, moments = comparison.holds, comparison.turns
    return Rule(
        f"{name} {comparison.says}",
        lambda subject: test(read(subject), subject.now),
        read,
        lambda subject: to_come(moments(read(subject)), subject.now),
    )


def _declined_at(said: Said, defaults: Mapping[str, Scalar], place: Place) -> Rule:
    for word in said:
        if word not in ("attribute", "default", *_WHEN):
            problem = f"{DECLINED_AT} takes no {word!r}; known here: {', '.join(_WHEN)}"
            raise CampaignError((*place, word), problem)
    comparison, default = comparison_of(said, DECLINED_AT, _WHEN, place, defaults.get(DECLINED_AT))

    def read(subject: Subject) -> Scalar | None:
        return default if subject.declined_at is None else format_time(subject.declined_at)

    if isinstance(comparison, TimedComparison):
        return _timed(DECLINED_AT, comparison, read)
    test: Callable[..., bool] = comparison.holds
    says = f"{DECLINED_AT} {comparison.says}"
    return Rule(says, lambda subject: test(read(subject)), read, never)


def _push_status(said: Said, place: Place) -> Rule:
    for word in said:
        if word not in ("attribute", "default", *_EQUALITY):
            problem = f"{PUSH_STATUS} takes no {word!r}; known here: {', '.join(_EQUALITY)}"
            raise CampaignError((*place, word), problem)
        if word != "attribute":
            _require_statuses(said[word], (*place, word))
    comparison, _ = comparison_of(said, PUSH_STATUS, _EQUALITY, place)
    test: Callable[..., bool] = comparison.holds
    held = tuple(status for status in PushStatus if test(status.value))
    return Rule(
        f"{PUSH_STATUS} {comparison.says}",
        lambda subject: subject.push_status in held,
        lambda subject: subject.push_status.value,
        never,
    )


def _require_statuses(wanted: Any, place: Place) -> None:
    known = tuple(PushStatus)
    for each in as_tuple(wanted):
        if each not in known:
            problem = f"{PUSH_STATUS} is one of {', '.join(known)}; this says {each!r}"
            raise CampaignError(place, problem)


def _language(locale: str) -> str:
    return locale.replace("_", "-").partition("-")[0].lower()


_FIELDS: Mapping[str, tuple[Callable[[Device], str], Callable[[str], str]]] = {
    "platform": (attrgetter("platform"), str.lower),
    "os_version": (attrgetter("os_version"), str.strip),
    "app_version": (attrgetter("app_version"), str.strip),
    "locale": (attrgetter("locale"), lambda locale: locale.replace("_", "-").lower()),
    "language": (attrgetter("locale"), _language),
    "country": (attrgetter("country"), str.upper),
    "time_zone": (attrgetter("time_zone"), str.strip),
}
"""Where a device tells it, and how it is spelt before it is compared: by the file as well."""


def _device(said: Said, place: Place) -> Rule:
    name = said["device"]
    spelt = {
        word: value if word in ("device", "exists") else _spelt(name, value, (*place, word))
        for word, value in said.items()
    }
    for word in _VERSIONS:
        if word in said and name not in _VERSIONED:
            problem = f"{name} is no version; only {' and '.join(_VERSIONED)} are"
            raise CampaignError((*place, word), problem)
    comparison, default = comparison_of(spelt, name, _SUBJECTS["device"], place)
    test: Callable[..., bool] = comparison.holds
    tell, spell = _FIELDS[name]

    def read(subject: Subject) -> Scalar | None:
        told = tell(subject.device)
        return spell(told) if told else default

    return Rule(f"{name} {comparison.says}", lambda subject: test(read(subject)), read, never)


def _spelt(name: str, wanted: Any, place: Place) -> Any:
    _, spell = _FIELDS[name]
    for each in as_tuple(wanted):
        if not isinstance(each, str):
            raise CampaignError(place, f"{name} is a text; write {as_written(str(each))}")
        if name == "language" and spell(each) != each.lower():
            raise CampaignError(place, f"write the language alone, as in {spell(each)!r}")
    return tuple(map(spell, wanted)) if isinstance(wanted, tuple) else spell(wanted)


_STARTS: Mapping[str, Callable[[Subject], int | None]] = {
    "first_seen": attrgetter("first_seen_at"),
    "installed": attrgetter("device.installed_at"),
}


def _days_since(said: Said, place: Place) -> Rule:
    name = f"days since {said['days_since'].replace('_', ' ')}"
    comparison, default = comparison_of(said, name, _SUBJECTS["days_since"], place)
    test: Callable[..., bool] = comparison.holds
    start, turning = _STARTS[said["days_since"]], _turning_days(said, place)

    def read(subject: Subject) -> Scalar | None:
        at = start(subject)
        return default if at is None else max(subject.now - at, 0) // DAY

    def turns(subject: Subject) -> tuple[int, ...]:
        at = start(subject)
        return () if at is None else to_come([at + day * DAY for day in turning], subject.now)

    return Rule(f"{name} {comparison.says}", lambda subject: test(read(subject)), read, turns)


def _turning_days(said: Said, place: Place) -> tuple[int, ...]:
    """The numbers of days that may be judged otherwise than the number before them."""
    [(operator, wanted)] = [(word, said[word]) for word in said if word in OPERATORS]
    if operator == "exists":
        return ()
    for each in as_tuple(wanted):
        if not is_number(each):
            raise CampaignError((*place, operator), f"days are a number; {each!r} is none")
    return tuple({day for each in as_tuple(wanted) for day in (ceil(each), floor(each) + 1)})


def _percent(said: Said, salt: str) -> Rule:
    percent, salt = said["percent"], said.get("salt", salt)
    return Rule(
        f"in {percent:g} % of users",
        lambda subject: in_percent(salt, subject.user, percent),
        lambda subject: share(salt, subject.user),
        never,
    )


_COMPILE: Mapping[str, Callable[[Said, Place], Rule]] = {
    "device": _device,
    "days_since": _days_since,
    "event": compile_event,
    "campaign": compile_campaign,
}
