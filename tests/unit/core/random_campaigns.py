"""Random campaigns, settings and lives, for what must hold whatever a file says."""

from typing import Any

import msgspec
from hypothesis import note
from hypothesis import strategies as st

from functions.core.campaign import (
    CampaignFile,
    Published,
    SettingsFile,
    parse_campaign,
    parse_settings,
)
from functions.core.compiled import Campaigns
from functions.core.compiling import compile_all
from functions.core.model import Outcome, Snapshot
from tests.unit.core.scene import OUTCOMES, Scene

EVENTS = ("Value", "Lesson", "Order", "SessionStarted")
DEVICES = ("phone", "tablet")
SPANS = ("0s", "1s", "1h", "1d", "3d", "14d")
STATUSES = ("notDetermined", "provisional", "denied", "authorized")

COPY = {"title": "T", "body": "B", "approve": "Y"}

spans = st.sampled_from(SPANS)
real_spans = st.sampled_from(SPANS[1:])
events = st.sampled_from(EVENTS)
counts = st.integers(0, 4)


def _some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


where = st.fixed_dictionaries({"property": st.just("n"), "gte": counts})

time_tests = st.one_of(
    st.fixed_dictionaries({"before": spans}, optional={"or_never": st.booleans()}),
    st.fixed_dictionaries({"within": real_spans}, optional={"or_never": st.booleans()}),
)

leaves: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"attribute": st.just("n"), "gte": counts}, optional={"default": counts}),
    st.fixed_dictionaries({"attribute": st.just("n"), "is_not": counts}),
    st.fixed_dictionaries({"attribute": st.just("n"), "exists": st.booleans()}),
    st.fixed_dictionaries(
        {
            "attribute": st.just("push_permission_status"),
            "is": st.sampled_from(("unknown", "denied", "granted")),
        }
    ),
    st.fixed_dictionaries({"device": st.just("platform"), "is": st.just("ios")}),
    st.fixed_dictionaries({"days_since": st.just("first_seen"), "gte": st.integers(0, 9)}),
    st.fixed_dictionaries(
        {"event": events, "count": counts}, optional={"within": real_spans, "where": where}
    ),
    st.fixed_dictionaries({"event": events, "last": time_tests}),
    st.fixed_dictionaries({"event": events, "first": time_tests}),
    st.fixed_dictionaries(
        {
            "event": st.just("Lesson"),
            "since": st.just("Order"),
            "count": st.fixed_dictionaries({"gte": counts}),
        },
        optional={"or_never": st.booleans()},
    ),
    st.fixed_dictionaries({"campaign": st.sampled_from(("a", "b")), "last": time_tests}),
    st.fixed_dictionaries({"percent": st.integers(0, 100)}),
)

conditions = st.recursive(
    leaves,
    lambda below: st.one_of(
        [
            st.fixed_dictionaries({group: st.lists(below, min_size=1, max_size=3)})
            for group in ("all", "any", "none")
        ]
    ),
    max_leaves=4,
)

triggers = st.fixed_dictionaries(
    {
        "any": st.lists(
            st.one_of(
                st.fixed_dictionaries({"event": events}),
                st.fixed_dictionaries(
                    {"event": events, "every": st.integers(2, 3)},
                    optional={"where": where, "per": st.sampled_from(("user", "session"))},
                ),
                st.fixed_dictionaries(
                    {"event": events, "on": st.lists(st.integers(1, 4), min_size=1, max_size=3)}
                ),
                st.fixed_dictionaries({"event": events, "after": spans}, optional={"where": where}),
            ),
            min_size=1,
            max_size=2,
        )
    },
    optional={
        "unless": st.lists(
            st.fixed_dictionaries({"event": events, "within": spans}), min_size=1, max_size=1
        )
    },
)

caps = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"at_most": st.integers(1, 3), "per": st.sampled_from(("session", "day", "week"))}
        ),
        st.fixed_dictionaries({"at_most": st.integers(1, 3), "within": real_spans}),
    ),
    max_size=2,
)

_waits = st.one_of(
    spans,
    st.fixed_dictionaries({"declined": spans}, optional={"dismissed": spans, "denied": spans}),
)

_later = st.fixed_dictionaries(
    {"content": st.just("default"), "wait": _waits},
    optional={
        "since": st.fixed_dictionaries({"event": events}, optional={"where": where}),
        "audience": conditions,
    },
)

frequencies = st.one_of(
    st.builds(
        lambda gap, most: {"repeat": {"gap": gap, "at_most": most}}, spans, st.integers(1, 4)
    ),
    st.lists(_later, max_size=2).map(lambda later: {"attempts": [{"content": "default"}, *later]}),
)

dismissals = st.one_of(
    st.just({"as": "declined"}),
    st.fixed_dictionaries({"wait": spans, "at_most": st.integers(1, 2)}),
)


experiments = st.fixed_dictionaries(
    {
        "salt": st.sampled_from(("s", "t")),
        "arms": st.fixed_dictionaries(
            {"soft_ask": st.just(1)},
            optional={"holdout": st.just(1), "direct_prompt": st.integers(0, 2)},
        ),
    },
    optional={
        "variants": st.just({"plain": 1, "same": {"weight": 2, "content": {"default": "default"}}})
    },
)


@st.composite
def campaign_files(draw: st.DrawFn, campaign_id: str) -> CampaignFile:
    """A campaign that says almost anything that a file may say."""
    more = draw(
        _some(
            audience=conditions,
            caps=caps,
            dismissed=dismissals,
            rollout=st.sampled_from((0, 30, 70, 100)),
            priority=st.integers(0, 2),
            permission=st.fixed_dictionaries({"fallback_to_settings": st.booleans()}),
            kind=st.sampled_from(("push", "popup")),
            schedule=st.sampled_from(
                (
                    {"starts_at": "2026-09-25"},
                    {"ends_at": "2026-10-20"},
                    {"starts_at": "2026-09-22", "ends_at": "2026-11-01"},
                )
            ),
            experiment=experiments,
            goal=st.fixed_dictionaries({"event": events}, optional={"where": where}),
        )
    )
    is_settings_too = more.get("permission", {}).get("fallback_to_settings", False)
    if "experiment" in more and (more.get("kind") == "popup" or is_settings_too):
        more["experiment"]["arms"].pop("direct_prompt", None)
    frequency, trigger = draw(frequencies), draw(triggers)
    if "repeat" in frequency:
        more.pop("dismissed", None)
    bare = {each["event"] for each in trigger["any"] if "where" not in each}
    trigger["unless"] = [each for each in trigger.get("unless", []) if each["event"] not in bare]
    return parse_campaign(
        {
            "id": campaign_id,
            "status": "active",
            "trigger": trigger,
            "action": {"deeplink": "yourapp://popup/x"},
            "content": {"default": {"en": COPY}},
            **frequency,
            **more,
        }
    )


@st.composite
def settings_files(draw: st.DrawFn) -> SettingsFile:
    """Settings with or without caps, a guard and defaults."""
    more = draw(
        _some(
            caps=caps,
            guard=conditions,
            defaults=st.just({"n": 1}),
            test_users=st.just(["u1"]),
        )
    )
    return parse_settings({"deeplinks": {"schemes": ["yourapp"]}, **more})


@st.composite
def campaign_sets(draw: st.DrawFn) -> Campaigns:
    """Two campaigns under random settings."""
    files = [draw(campaign_files(each)) for each in ("a", "b")]
    settings = draw(settings_files())
    note(msgspec.json.encode([settings, *files]).decode())
    return compile_all(settings, [Published(file) for file in files])


steps = st.one_of(
    st.tuples(st.just("event"), events, st.integers(0, 4), st.sampled_from(DEVICES)),
    st.tuples(st.just("outcome"), st.sampled_from(list(Outcome)), st.just(0), st.just("phone")),
    st.tuples(st.just("wait"), spans, st.just(0), st.just("")),
    st.tuples(st.just("push"), st.sampled_from(STATUSES), st.just(0), st.sampled_from(DEVICES)),
    st.tuples(st.just("trait"), st.just("n"), st.integers(0, 4), st.just("phone")),
)


def live(scene: Scene, step: tuple[Any, ...]) -> None:
    """One step of a random life; an outcome is reported of the newest offer."""
    kind, what, number, device = step
    if kind == "wait":
        scene.wait(span_of(what))
    elif kind == "event":
        scene.track(what, properties={"n": number}, device=device)
    elif kind == "outcome":
        scene.track(OUTCOMES[what], device=device)
    elif kind == "push":
        scene.track("PushPermissionChanged", push=Snapshot(status=what), device=device)
    else:
        scene.identify({what: number}, device=device)


def span_of(text: str) -> int:
    """A span in milliseconds."""
    return int(text[:-1]) * {"s": 1_000, "h": 3_600_000, "d": 86_400_000}[text[-1]]
