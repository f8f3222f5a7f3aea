"""What a device's snapshot says about the permission, and what an approval would lead to."""

from enum import StrEnum

from functions.core.audience import PUSH_STATUS
from functions.core.model import Profile, PushStatus, Snapshot

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


_ASKING_SDK = 33
"""Android 13, the first that has a notification permission to ask for."""


class Route(StrEnum):
    """What "Yes" leads to: a hint, since the client rereads the native status at the tap."""

    OS_PROMPT = "os_prompt"
    OPEN_SETTINGS = "open_settings"
    IN_APP_OPT_IN = "in_app_opt_in"


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
        return read_status(known.push.status)
    trait = profile.attributes.get(PUSH_STATUS)
    return read_status(trait.value if trait else None)


def route(status: PushStatus, snapshot: Snapshot | None, platform: str) -> Route | None:
    """Where an approval leads on a device in this state (FACTS, truth table); None: nowhere."""
    snapshot = snapshot or Snapshot()
    if status is PushStatus.UNKNOWN:
        return Route.OS_PROMPT
    if status is PushStatus.GRANTED:
        opted_out = snapshot.opted_out or snapshot.notification_types == _OPTED_OUT
        return Route.IN_APP_OPT_IN if opted_out else None
    if platform == "android" and snapshot.rationale and not _is_old_target(snapshot):
        return Route.OS_PROMPT
    return Route.OPEN_SETTINGS if platform in ("ios", "android") else None


def _is_old_target(snapshot: Snapshot) -> bool:
    """An app built for Android 12 or older cannot ask by itself."""
    return snapshot.target_sdk is not None and snapshot.target_sdk < _ASKING_SDK
