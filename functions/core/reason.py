"""Why a message had the effect it had: a closed vocabulary."""

from enum import IntEnum


class Reason(IntEnum):
    """The result of one evaluation. Numbers are stored in profiles: append, never renumber."""

    # What a message did.
    OFFER_GRANTED = 1
    OFFER_REPEATED = 2
    SHOWN = 3
    APPROVED = 4
    DECLINED = 5
    DISMISSED = 6
    SUPPRESSED = 7
    PERMISSION_UPDATED = 8
    ATTRIBUTES_UPDATED = 9
    DECLINE_REPORTED = 10
    """The app told of a decline by the trait `push_softask_declined_at`."""
    UNKNOWN_OFFER = 11
    """The outcome of an offer that was not granted here; a decline of one opens the window."""
    NO_TRANSITION = 12
    """The outcome is no legal next step of its offer, or repeats what is known."""
    NOT_REFERRED_TO = 13
    """No campaign refers to the event and nothing is set: ignored without a database call."""
    UNCHANGED = 14
    DUPLICATE = 15
    MESSAGE_ID_REUSED = 16
    """A known message id with other content."""
    ATTRIBUTES_FULL = 17
    """A cap on attribute count or size is reached; the message's traits were not stored."""
    COUNTED = 18
    """The event's history was kept; it triggers nothing."""

    # Why a trigger granted nothing.
    CAMPAIGNS_STALE = 32
    """The live campaigns could not be refreshed: no grants until they are."""
    PAUSED = 33
    """Everything is paused in the settings, or the campaign is not active."""
    STALE_TRIGGER = 34
    """The value moment is older than `max_age`, or was sent from the background."""
    ALREADY_GRANTED = 35
    PERMISSION_DENIED = 36
    NOT_IN_AUDIENCE = 37
    OFFER_OPEN = 38
    """The user's one open offer is on another device, or belongs to another campaign."""
    POPUP_OPEN = 39
    """The offer was shown and its outcome is awaited (a dismissal after 24 h of silence)."""
    AWAITING_PERMISSION = 40
    """Approved within the last 24 h: the OS prompt's outcome is awaited."""
    PERMISSION_SETTLED = 41
    """Approved, and the OS prompt was answered: there is nothing left to ask."""
    IN_RETRY_WINDOW = 42
    NO_VALUE_SINCE = 43
    """The window is over, but too little value was delivered since the decline."""
    EXHAUSTED = 44

    # Why an offer that a client asks about does not stand.
    LAPSED = 64
    WITHDRAWN = 65
    """A newer report about an older offer, or the end of its campaign, took the offer back."""

    NEWER = 255
    """A reason that newer code stored in the profile."""

    @classmethod
    def _missing_(cls, _: object) -> "Reason":
        return cls.NEWER

    @property
    def word(self) -> str:
        """The reason as answers, logs and metrics spell it."""
        return self.name.lower()
