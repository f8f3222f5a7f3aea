"""What a simulated phone sends, and how it is spelt on the wire."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

VALUE, GOAL, CHANGED = "ValueMomentReached", "SessionStarted", "PushPermissionChanged"
OUTCOME = "PushSoftAsk"

UNASKED, GRANTED, DENIED = "notDetermined", "authorized", "denied"


@dataclass(slots=True)
class Phone:
    """One installation.

    who: ("user" or "anonymous", id), signed in there.
    tells: `snapshots` with counts, `statuses` without, or `traits` (the recipe's way, by identify).
    status, used: as they truly are.
    """

    who: tuple[str, str]
    id: str
    platform: str
    api_level: int | None
    tells: str
    status: str = UNASKED
    used: int = 0

    @property
    def can_ask(self) -> bool:
        """Whether its OS has a prompt: Android 12 grants on install."""
        return self.api_level is None or self.api_level >= 33


@dataclass(slots=True, kw_only=True)
class Call:
    """What happened at `at`; when it arrives is the sender's to say.

    who: as on the phone then. push: status and count as it told them.
    """

    id: str
    at: int
    who: tuple[str, str]
    phone: Phone
    kind: str = "track"
    event: str = ""
    offer_id: str = ""
    names_offer: bool = True
    properties: Json = field(default_factory=dict)
    traits: Json = field(default_factory=dict)
    merges: str = ""
    push: tuple[str, int | None] | None = None
    in_foreground: bool = True

    @property
    def outcome(self) -> str:
        """`shown`, `approved`, …; empty for what is no outcome."""
        return self.event.removeprefix(OUTCOME).lower() if self.event.startswith(OUTCOME) else ""

    @property
    def told_status(self) -> str:
        """The permission that it tells of, if it does: by a snapshot, or by the recipe's trait."""
        if self.push is not None:
            return self.push[0]
        return str(self.traits.get("push_permission_status", ""))

    def body(self, now: int) -> Json:
        """As Segment spells it, arriving at `now`."""
        kind, id_ = self.who
        said: Json = {
            "type": self.kind,
            "messageId": self.id,
            "timestamp": _written(self.at),
            "sentAt": _written(now),
            "context": self._context(),
            "userId" if kind == "user" else "anonymousId": id_,
        }
        if self.kind == "identify":
            said["traits"] = self.traits
            return said | ({"anonymousId": self.merges} if self.merges else {})
        properties = dict(self.properties)
        if self.offer_id and self.names_offer:
            properties["offerId"] = self.offer_id
        return said | {"event": self.event, "properties": properties}

    def _context(self) -> Json:
        phone = self.phone
        os: Json = {"name": phone.platform} if phone.platform else {}
        if phone.api_level is not None:
            os["apiLevel"] = phone.api_level
        context: Json = {"device": {"id": phone.id}, "os": os}
        if not self.in_foreground:
            context["app"] = {"inForeground": False}
        if self.push is not None:
            status, used = self.push
            context["push"] = {"status": status} | ({} if used is None else {"promptsUsed": used})
        return context


def _written(at: int) -> str:
    """To the millisecond."""
    seconds, rest = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
