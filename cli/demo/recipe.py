"""The soft push permission recipe, step by step, and what must be seen after each.

The recipe's own six steps come first (its "Yes" path), then its parallel path: "Not now" and the
one retry two weeks later.
"""

from cli.demo.phone import Phone
from cli.demo.stage import Stage

FIRST = "Get daily streak reminders?"
RETRY = "Keep your streak going?"

VALUE = "ValueMomentReached"

_BEGIN = "2026-11-21T10:00:00Z"
_TWO_WEEKS_LATER = "2026-12-05T10:00:00Z"
_ASKED = {
    "action": "open_deeplink",
    "deeplink": "yourapp://popup/push-softask",
    "on_approve": "os_prompt",
}


def play_recipe(stage: Stage, suffix: str = "") -> None:
    """All of it. `suffix` tells the users of one run from those of another on the same tables."""
    stage.begin_at(_BEGIN)
    _yes(stage, Phone(f"ana{suffix}", f"ana{suffix}-phone"))
    ben = Phone(f"ben{suffix}", f"ben{suffix}-phone")
    _not_now(stage, ben, Phone(ben.user, f"ben{suffix}-tablet"))
    _two_weeks_later(stage, ben)


def _yes(stage: Stage, ana: Phone) -> None:
    stage.act('Ana taps "Yes, notify me"')
    stage.step(
        "Ana installs the app. No push prompt fires (recipe 1)",
        ana,
        ana.track("Application Installed"),
        action=None,
        stored=False,
    )
    stage.step(
        "Her permission is unknown: she was never asked (recipe 1)",
        ana,
        ana.identify({"push_permission_status": "unknown"}),
        action=None,
        permission="unknown",
        asks=0,
    )
    stage.step(
        "She reaches a moment of value, and the campaign matches (recipe 2 and 3)",
        ana,
        ana.track(VALUE),
        **_ASKED,
        attempt=1,
        title=FIRST,
        asks=0,
        facts=["exposed", "offered"],
    )
    stage.step(
        "The app's own popup appears (recipe 4)",
        ana,
        ana.report("PushSoftAskShown"),
        action=None,
        asks=1,
        facts=["shown"],
    )
    stage.step(
        'She taps "Yes, notify me". Only now the app calls the OS prompt (recipe 5)',
        ana,
        ana.report("PushSoftAskApproved"),
        action=None,
        outcome="approved",
        permission="unknown",
        facts=["approved"],
    )
    stage.step(
        'She taps "Allow" in the OS prompt (recipe 5)',
        ana,
        ana.identify({"push_permission_status": "granted"}),
        action=None,
        permission="granted",
        windows=0,
        facts=["converted", "granted", "opted_in", "prompted"],
    )
    stage.step(
        "Another moment of value: there is nothing left to ask",
        ana,
        ana.track(VALUE),
        action=None,
        asks=1,
        facts=[],
    )


def _not_now(stage: Stage, ben: Phone, tablet: Phone) -> None:
    stage.act('Ben taps "Not now" (recipe 6)')
    moment = ben.track(VALUE)
    stage.step(
        "Ben reaches a moment of value",
        ben,
        moment,
        **_ASKED,
        attempt=1,
        title=FIRST,
        facts=["exposed", "offered"],
    )
    first = ben.offer["offerId"] if ben.offer else None
    stage.step(
        "The network fails and the app sends the same message again: the same offer, counted once",
        ben,
        moment,
        action="open_deeplink",
        offer=first,
        facts=[],
    )
    stage.step(
        "A moment of value on his tablet: one popup a user, and it is on the phone",
        tablet,
        tablet.track(VALUE),
        action=None,
        facts=[],
    )
    stage.step(
        "The popup appears on the phone",
        ben,
        ben.report("PushSoftAskShown"),
        action=None,
        asks=1,
        facts=["shown"],
    )
    stage.step(
        'He taps "Not now". The OS prompt never runs; the retry window opens',
        ben,
        ben.report("PushSoftAskDeclined"),
        ben.identify({"push_permission_status": "unknown", "push_softask_declined_at": _BEGIN}),
        action=None,
        outcome="declined",
        permission="unknown",
        retry_at=_TWO_WEEKS_LATER,
        windows=1,
        facts=["declined"],
    )
    stage.wait("13d23h59m59s")
    stage.step(
        "A moment of value, one second before the window ends",
        ben,
        ben.track(VALUE),
        action=None,
        asks=1,
        windows=1,
        facts=[],
    )


def _two_weeks_later(stage: Stage, ben: Phone) -> None:
    stage.act("Two weeks later (recipe 6)")
    stage.wait("1s")
    stage.sweep(
        "The sweep closes the window: Ben is re-eligible, and is not asked",
        ben,
        windows=0,
        facts=["re_eligible"],
    )
    stage.step(
        "He opens the app. Without a moment of value there is no ask",
        ben,
        ben.track("SessionStarted"),
        action=None,
        asks=1,
        facts=[],
    )
    stage.step(
        "A moment of value: the one retry, with another line of copy",
        ben,
        ben.track(VALUE),
        **_ASKED,
        attempt=2,
        title=RETRY,
        facts=["offered"],
    )
    stage.step(
        "The second popup appears",
        ben,
        ben.report("PushSoftAskShown"),
        action=None,
        asks=2,
        facts=["shown"],
    )
    stage.step(
        '"Not now" again: two popups, ever',
        ben,
        ben.report("PushSoftAskDeclined"),
        action=None,
        outcome="declined",
        retry_at=None,
        windows=0,
        facts=["declined", "exhausted"],
    )
    stage.wait("30d")
    stage.step(
        "A moment of value a month later: nothing, for good",
        ben,
        ben.track(VALUE),
        action=None,
        asks=2,
        facts=[],
    )
