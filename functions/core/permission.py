"""What a device's snapshot says about the permission, and what an approval would lead to.

The truth table is `TRUTH_TABLE`, its rows numbered as in `tests/cases/permission/README.md`.
"""

from collections.abc import Callable
from enum import Enum, StrEnum, auto

import msgspec

from functions.core.audience import PUSH_STATUS
from functions.core.model import DAY, Device, Profile, Progress, PushStatus, Snapshot
from functions.core.reason import Reason

COOL_DOWN = DAY
"""How long after `last_asked_at` a device waits whose OS prompt was swiped away (row 10)."""

_READS_AS = {
    "unknown": PushStatus.UNKNOWN,
    "notdetermined": PushStatus.UNKNOWN,
    "default": PushStatus.UNKNOWN,
    "provisional": PushStatus.UNKNOWN,
    "granted": PushStatus.GRANTED,
    "authorized": PushStatus.GRANTED,
    "ephemeral": PushStatus.GRANTED,
    "denied": PushStatus.DENIED,
}

STATUS_WORDS = ("unknown", "granted", "denied", "notDetermined", "authorized", "provisional",
                "ephemeral", "default")  # fmt: skip
"""The native words, and our own, that a client may send."""

_OPTED_OUT = -2
"""OneSignal's `notification_types` of a user who opted out in the app; below it, a token error."""

_ASKING_API = 33
"""Android 13, the first that has a notification permission to ask for."""


class Route(StrEnum):
    """What "Yes" leads to: a hint, since the client rereads the native status at the tap."""

    OS_PROMPT = "os_prompt"
    OPEN_SETTINGS = "open_settings"
    IN_APP_OPT_IN = "in_app_opt_in"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the truth table says of a device.

    row: its number in the table; says: the row in words.
    reason: why an approval leads nowhere, where `route` is None.
    cools_down: whether it is asked no earlier than `COOL_DOWN` after it was last asked.
    """

    row: int
    says: str
    route: Route | None = None
    reason: Reason | None = None
    cools_down: bool = False


class _Kind(Enum):
    """Platforms, as far as their prompts differ. An unknown API level reads as a recent one."""

    IOS = auto()
    ANDROID = auto()
    OLD_ANDROID = auto()
    OTHER = auto()
    UNKNOWN = auto()


class Row(msgspec.Struct, frozen=True):
    """One row: which devices it speaks of, and what it says of them.

    kind: None for every platform. when: what else the snapshot must say.
    """

    status: PushStatus
    kind: _Kind | None
    standing: Standing
    when: Callable[[Snapshot], bool] | None = None

    def speaks_of(self, status: PushStatus, kind: _Kind) -> bool:
        """Whether it is a row for such devices, whatever else their snapshots say."""
        return self.status is status and self.kind in (kind, None)


def _native(word: str) -> Callable[[Snapshot], bool]:
    return lambda push: (push.status or "").lower() == word


def _is_opted_out(push: Snapshot) -> bool:
    return push.opted_out is True or push.notification_types == _OPTED_OUT


def _is_token_in_error(push: Snapshot) -> bool:
    return push.notification_types is not None and push.notification_types < _OPTED_OUT


def _is_built_for_old_android(push: Snapshot) -> bool:
    return push.target_sdk is not None and push.target_sdk < _ASKING_API


def _has_rationale(push: Snapshot) -> bool:
    return push.rationale is True


def _was_asked(push: Snapshot) -> bool:
    return push.ever_asked is True


def _was_never_asked(push: Snapshot) -> bool:
    return push.ever_asked is False


TRUTH_TABLE: tuple[Row, ...] = (
    Row(
        PushStatus.GRANTED,
        None,
        Standing(
            row=16,
            says="granted, but the user opted out in the app",
            route=Route.IN_APP_OPT_IN,
        ),
        _is_opted_out,
    ),
    Row(
        PushStatus.GRANTED,
        None,
        Standing(
            row=17,
            says="granted, but the push token is in error: register again",
            reason=Reason.TOKEN_ERROR,
        ),
        _is_token_in_error,
    ),
    Row(
        PushStatus.GRANTED,
        _Kind.IOS,
        Standing(row=5, says="ephemeral on iOS: granted", reason=Reason.ALREADY_GRANTED),
        _native("ephemeral"),
    ),
    Row(
        PushStatus.GRANTED,
        _Kind.IOS,
        Standing(row=4, says="authorized on iOS", reason=Reason.ALREADY_GRANTED),
    ),
    Row(
        PushStatus.UNKNOWN,
        _Kind.IOS,
        Standing(
            row=2,
            says="provisional on iOS: the OS prompt is unspent",
            route=Route.OS_PROMPT,
        ),
        _native("provisional"),
    ),
    # Row 6, a reinstall, is a new device that was never asked: as row 1.
    Row(
        PushStatus.UNKNOWN,
        _Kind.IOS,
        Standing(row=1, says="never asked on iOS", route=Route.OS_PROMPT),
    ),
    Row(
        PushStatus.DENIED,
        _Kind.IOS,
        Standing(
            row=3,
            says="denied on iOS: only the settings can undo it",
            route=Route.OPEN_SETTINGS,
        ),
    ),
    Row(
        PushStatus.DENIED,
        _Kind.OLD_ANDROID,
        Standing(
            row=8,
            says="disabled in the settings of Android 12 or older, which has no OS prompt",
            route=Route.OPEN_SETTINGS,
        ),
    ),
    Row(
        PushStatus.GRANTED,
        _Kind.OLD_ANDROID,
        Standing(
            row=7,
            says="granted on install by Android 12 or older",
            reason=Reason.ALREADY_GRANTED,
        ),
    ),
    Row(
        PushStatus.GRANTED,
        _Kind.ANDROID,
        Standing(row=14, says="granted on Android", reason=Reason.ALREADY_GRANTED),
    ),
    Row(
        PushStatus.UNKNOWN,
        _Kind.ANDROID,
        Standing(
            row=10,
            says="the OS prompt was swiped away on Android: nothing is spent",
            route=Route.OS_PROMPT,
            cools_down=True,
        ),
        _was_asked,
    ),
    Row(
        PushStatus.UNKNOWN,
        _Kind.ANDROID,
        Standing(row=9, says="never asked on Android", route=Route.OS_PROMPT),
    ),
    # Row 15, granted once and revoked later, reads as rows 11 and 12.
    # Such an app cannot ask by itself, so what it knows of asking tells nothing: before row 9.
    Row(
        PushStatus.DENIED,
        _Kind.ANDROID,
        Standing(
            row=13,
            says="denied on Android to an app that is built for Android 12 or older",
            route=Route.OPEN_SETTINGS,
        ),
        _is_built_for_old_android,
    ),
    Row(
        PushStatus.DENIED,
        _Kind.ANDROID,
        Standing(
            row=11,
            says="denied once on Android: the last OS prompt is left",
            route=Route.OS_PROMPT,
        ),
        _has_rationale,
    ),
    Row(
        PushStatus.DENIED,
        _Kind.ANDROID,
        Standing(
            row=9,
            says="never asked on Android, which reports that as denied",
            route=Route.OS_PROMPT,
        ),
        _was_never_asked,
    ),
    Row(
        PushStatus.DENIED,
        _Kind.ANDROID,
        Standing(
            row=12,
            says="denied for good on Android: only the settings can undo it",
            route=Route.OPEN_SETTINGS,
        ),
    ),
    Row(
        PushStatus.UNKNOWN,
        _Kind.OTHER,
        Standing(row=18, says="never asked on another platform", route=Route.OS_PROMPT),
    ),
    Row(
        PushStatus.DENIED,
        _Kind.OTHER,
        Standing(
            row=19,
            says="denied on another platform, whose settings the app cannot open",
            reason=Reason.NO_ROUTE,
        ),
    ),
    Row(
        PushStatus.UNKNOWN,
        None,
        Standing(row=20, says="never asked, platform unknown", route=Route.OS_PROMPT),
    ),
    Row(
        PushStatus.GRANTED,
        None,
        Standing(
            row=20,
            says="granted on another or an unknown platform",
            reason=Reason.ALREADY_GRANTED,
        ),
    ),
    Row(
        PushStatus.DENIED,
        None,
        Standing(row=20, says="denied, platform unknown", reason=Reason.PERMISSION_DENIED),
    ),
)
"""What an approval leads to; the first row that fits speaks, and the last three fit all."""

_ROWS = {
    (status, kind): tuple(row for row in TRUTH_TABLE if row.speaks_of(status, kind))
    for status in PushStatus
    for kind in _Kind
}


def look_up(status: PushStatus, device: Device) -> Standing:
    """What the table says of a device whose permission reads as `status`."""
    kind = _kind(device)
    if kind is _Kind.OLD_ANDROID and status is PushStatus.UNKNOWN:
        status = PushStatus.GRANTED  # on install, whether or not the app ever looked
    push = device.push
    rows = _ROWS[status, kind]
    return next(row.standing for row in rows if row.when is None or row.when(push))


def why_not(standing: Standing, *, fallback_to_settings: bool) -> Reason | None:
    """Why a campaign does not ask there. fallback_to_settings: whether it may open settings."""
    if standing.route is Route.OPEN_SETTINGS and not fallback_to_settings:
        return Reason.PERMISSION_DENIED
    return standing.reason


def why_no_prompt(standing: Standing) -> Reason | None:
    """Why the OS prompt is not what is left to ask for there; None: it is."""
    if standing.route is Route.OS_PROMPT:
        return None
    is_granted = standing.route is Route.IN_APP_OPT_IN
    return standing.reason or (Reason.ALREADY_GRANTED if is_granted else Reason.PERMISSION_DENIED)


def prompts_spent(known: Device, told: Device) -> int:
    """The OS prompts that are known to have been spent, after the device told a newer snapshot.

    One more where it was never asked by the last snapshot and is answered by this one, or where
    its own count rose beyond what is known. A first snapshot tells of none, nor does Android below
    the version that asks, nor a change in the settings.
    """
    if known.push.status is None or not may_ask(told):
        return known.prompts
    used, before = told.push.prompts_used or 0, known.push.prompts_used
    was, now = _status_of(known), _status_of(told)
    is_answered = was is PushStatus.UNKNOWN and now is not PushStatus.UNKNOWN
    is_counted = before is not None and used > max(before, known.prompts)
    return max(used, known.prompts + 1) if is_answered or is_counted else known.prompts


def is_last_denial(known: Device, told: Device) -> bool:
    """Whether the rationale went that Android offers after its first denial, but not its last.

    The settings do that too, so it tells of a prompt only where one was led to, and of none where
    the phone counts them and its count stayed.
    """
    if _status_of(known) is not PushStatus.DENIED or _status_of(told) is not PushStatus.DENIED:
        return False
    is_gone = known.push.rationale is True and told.push.rationale is False
    return is_gone and told.push.prompts_used is None


def may_ask(device: Device) -> bool:
    """Whether the device's OS has a prompt at all."""
    return _kind(device) is not _Kind.OLD_ANDROID


def read_status(word: str | None) -> PushStatus:
    """A native status word as `push_permission_status`; absent means never asked."""
    return _READS_AS.get((word or "unknown").lower(), PushStatus.UNKNOWN)


def is_status(word: str) -> bool:
    """Whether a client may send the word."""
    return word.lower() in _READS_AS


def status_on(profile: Profile, device: str) -> PushStatus:
    """A device's own snapshot beats the user's trait."""
    known = profile.devices.get(device)
    if known is not None and known.push.status is not None:
        return _status_of(known)
    trait = profile.attributes.get(PUSH_STATUS)
    return read_status(trait.value if trait else None)


def is_granted_where_asked(profile: Profile, progress: Progress, otherwise: str = "") -> bool:
    """Whether the device of the newest offer, or else the one named, has the permission."""
    device = progress.offer.device if progress.offer else otherwise
    return status_on(profile, device) is PushStatus.GRANTED


def told_at(profile: Profile, device: str) -> int:
    """When the status that `status_on` reads was told; 0 where none was."""
    known = profile.devices.get(device)
    if known is not None and known.push.status is not None:
        return known.push_at
    trait = profile.attributes.get(PUSH_STATUS)
    return trait.at if trait else 0


def _status_of(device: Device) -> PushStatus:
    return PushStatus.UNKNOWN if _denied_unasked(device) else read_status(device.push.status)


def _denied_unasked(device: Device) -> bool:
    """Android reports "denied" before it was ever asked (row 9); no app can trust it alone."""
    push = device.push
    return (
        read_status(push.status) is PushStatus.DENIED
        and push.ever_asked is False
        and _kind(device) is _Kind.ANDROID
        and not _is_built_for_old_android(push)
    )


def _kind(device: Device) -> _Kind:
    if device.platform == "ios":
        return _Kind.IOS
    if device.platform == "android":
        is_old = device.api_level is not None and device.api_level < _ASKING_API
        return _Kind.OLD_ANDROID if is_old else _Kind.ANDROID
    return _Kind.OTHER if device.platform else _Kind.UNKNOWN
