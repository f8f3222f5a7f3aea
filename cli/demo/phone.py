"""An app on one device of one user, as far as asking for push permission goes."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call of the app."""

    path: str
    body: dict[str, Any]
    context: dict[str, Any]

    @property
    def payload(self) -> dict[str, Any]:
        """What is sent: the body and, as with every call, the context."""
        return {**self.body, "context": self.context}


@dataclass(slots=True)
class Phone:
    """Numbers its messages and remembers the newest offer that it received."""

    user: str
    device: str
    offer: dict[str, Any] | None = None
    _sent: int = field(default=0, init=False)

    def track(self, event: str) -> Call:
        """An event."""
        return self._message("/v1/track", {"event": event})

    def report(self, event: str) -> Call:
        """What became of the offer, under its id where there is one."""
        known = {"properties": {"offerId": self.offer["offerId"]}} if self.offer else {}
        return self._message("/v1/track", {"event": event, **known})

    def identify(self, traits: dict[str, Any]) -> Call:
        """Traits of the user."""
        return self._message("/v1/identify", {"traits": traits})

    def receive(self, answer: dict[str, Any]) -> None:
        """Keeps the offer that an answer brought."""
        for action in answer.get("actions", ()):
            if action["type"] == "open_deeplink":
                self.offer = action

    def _message(self, path: str, content: dict[str, Any]) -> Call:
        self._sent += 1
        message_id = f"{self.device}-{self._sent}"
        context = {"device": {"id": self.device}, "os": {"name": "iOS"}, "locale": "en-GB"}
        return Call(path, {"userId": self.user, **content, "messageId": message_id}, context)
