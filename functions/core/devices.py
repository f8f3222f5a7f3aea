"""What a message tells of its device: the permission's snapshot, and the floors that it keeps."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from functions.core.model import Device, Message, Profile, Snapshot
from functions.core.moments import later

MAX_DEVICES = 20

_REGION = re.compile(r"[a-z]{2,8}(?:[-_][a-z]{3,4})*[-_]([a-z]{2})(?![a-z0-9])", re.IGNORECASE)

_CONTEXT = (
    "platform",
    "os_version",
    "api_level",
    "app_version",
    "locale",
    "country",
    "time_zone",
    "installed_at",
)
"""What a message may tell of its device beside the snapshot."""

_context_of = attrgetter(*_CONTEXT)
_UNHEARD = Device()


def with_snapshot(known: Device | None, push: Snapshot, message: Message, now: int) -> Device:
    """The device after a message told of it: the newest snapshot, and the floors of an older one.

    A snapshot without a status tells nothing new of the permission, whenever it was made.
    """
    push = _with_floors_of_the_past(push, known, now)
    if known is None:
        return Device(push=push, push_at=message.at, platform=message.platform)
    is_first = known.push.status is None
    is_newer = push.status is not None and (is_first or message.at >= known.push_at)
    newer, older = (push, known.push) if is_newer else (known.push, push)
    return replace(
        known,
        push=_with_floors(newer, older),
        push_at=message.at if is_newer else known.push_at,
        platform=message.platform or known.platform,
    )


def with_context(known: Device | None, message: Message) -> Device | None:
    """The device with what the message tells of it: the same one where that is known already.

    None where nothing was ever told.
    """
    before = known or _UNHEARD
    each = zip(_CONTEXT, _context_of(message), _context_of(before), strict=True)
    news = {name: told for name, told, was in each if told and told != was}
    return replace(before, **news) if news else known


def acting(profile: Profile, message: Message) -> Device:
    """The device that acts, with what the message tells of it.

    Where no place is told, its country is the region of its locale; that takes no room to keep.
    """
    known = profile.devices.get(message.device) or Device()
    device = with_context(known, message) or known
    if device.country or not device.locale:
        return device
    return replace(device, country=region_of(device.locale))


def usual(profile: Profile) -> str:
    """The device that was offered a popup last, else the one that was heard of last."""
    offers = [each.offer for each in profile.progress.values() if each.offer is not None]
    if offers:
        return max(offers, key=lambda offer: offer.granted_at).device
    heard = profile.devices
    return max(heard, key=lambda device: heard[device].push_at, default="")


@lru_cache(maxsize=256)
def region_of(locale: str) -> str:
    """`GB` of `en-GB`, `en_GB` and `en-GB-u-co-phonebk`; empty where it names none."""
    found = _REGION.match(locale)
    return found[1].upper() if found else ""


def heard(devices: Mapping[str, Device], device_id: str, now: int) -> Mapping[str, Device]:
    """The devices after a sign of life of one of them; one that is not kept is not added."""
    known = devices.get(device_id)
    return devices if known is None else {**devices, device_id: replace(known, seen_at=now)}


def last_seen(device: Device) -> int:
    """Devices that were kept before their signs of life were have at least a snapshot's date."""
    return max(device.seen_at, device.push_at)


def capped(devices: Mapping[str, Device], kept: Collection[str]) -> Mapping[str, Device]:
    """At most `MAX_DEVICES`: the longest unseen ones make room, those in `kept` the last."""
    if len(devices) <= MAX_DEVICES:
        return devices

    def worth(device_id: str) -> tuple[bool, int, str]:
        return device_id in kept, last_seen(devices[device_id]), device_id

    stay = set(sorted(devices, key=worth)[-MAX_DEVICES:])
    return {each: device for each, device in devices.items() if each in stay}


def united(one: Device, other: Device) -> Device:
    """What two users know of one installation: the newest snapshot, with the floors of both.

    Context that the one heard of last lacks is the other's.
    """
    older, newer = sorted((one, other), key=_freshness)
    known, told = sorted((one, other), key=_age_of_snapshot)
    each = zip(_CONTEXT, _context_of(newer), _context_of(older), strict=True)
    return replace(
        newer,
        push=_with_floors(told.push, known.push),
        push_at=told.push_at,
        seen_at=max(one.seen_at, other.seen_at),
        prompts=max(one.prompts, other.prompts),
        **{name: new or old for name, new, old in each},
    )


def not_ahead(told: int | None, known: int | None, now: int) -> int | None:
    """A time that a phone keeps; one ahead of now is worth what is known, else now.

    It comes with every message, and its phone's clock may be right by now: taken as now each time,
    it would move on for ever, and with it the window.
    """
    if told is None or told <= now:
        return told
    return now if known is None else known


def _freshness(device: Device) -> tuple[int, bytes]:
    return last_seen(device), msgspec.json.encode(device)


def _age_of_snapshot(device: Device) -> tuple[bool, int, bytes]:
    """A snapshot without a status tells nothing of the permission, whenever it was made."""
    push = device.push
    return push.status is not None, device.push_at, msgspec.json.encode(push)


def _with_floors(newer: Snapshot, older: Snapshot) -> Snapshot:
    """What the install once reported as asked or declined stays a floor."""
    if not _has_floors(older):
        return newer
    return replace(
        newer,
        last_asked_at=later(newer.last_asked_at, older.last_asked_at),
        last_declined_at=later(newer.last_declined_at, older.last_declined_at),
    )


def _with_floors_of_the_past(push: Snapshot, known: Device | None, now: int) -> Snapshot:
    if not _has_floors(push):
        return push
    before = known.push if known else Snapshot()
    return replace(
        push,
        last_asked_at=not_ahead(push.last_asked_at, before.last_asked_at, now),
        last_declined_at=not_ahead(push.last_declined_at, before.last_declined_at, now),
    )


def _has_floors(push: Snapshot) -> bool:
    return push.last_asked_at is not None or push.last_declined_at is not None
