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
    MERGED = 19
    """An anonymous profile became part of the user's."""
    USER_DELETED = 20
    """The user was deleted lately: nothing is kept, so that a late event brings nobody back."""
    TRAITS_WITHHELD = 21
    """Who sent them proved to be an anonymous id, and not the user that this became."""

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
    DRAFT = 45
    """The campaign is a draft, which only test users see."""
    ENDED = 46
    """The campaign's status is `ended`, or its schedule is over."""
    NOT_STARTED = 47
    """The campaign's schedule has not begun."""
    TRIGGER_NOT_MET = 48
    """The event's properties, or which occurrence of it this is, are not what the trigger asks."""
    CALLED_OFF = 49
    """An event that the trigger names under `unless` happened shortly before."""
    NOT_IN_ROLLOUT = 50
    FREQUENCY_CAP = 51
    """The campaign was shown as often as its own caps allow."""
    GLOBAL_CAP = 52
    """Campaigns were shown as often as the settings' caps allow together."""
    COOLING_DOWN = 53
    """The OS prompt was swiped away on this device shortly before."""
    NO_ROUTE = 54
    """An approval would lead nowhere on this device."""
    TOKEN_ERROR = 55
    """Granted, but without a working push token: registration must be retried, not consent."""
    HELD_OUT = 56
    """The user is in the experiment's holdout: it would have shown."""
    ALREADY_APPROVED = 57
    """The popup asks for no permission, and its answer was yes."""
    DEEPLINK_REFUSED = 58
    """The campaign's deeplink is not on the settings' list of allowed schemes and hosts."""
    ATTEMPT_NOT_FOR_USER = 59
    """The next attempt has an audience of its own, and the user is not in it."""
    GUARDED = 60
    """The settings' guard, which holds for every campaign, keeps the user out."""

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

    @property
    def says(self) -> str:
        """The reason in a sentence, for people who run campaigns."""
        return _SAYS[self]


_SAYS = {
    Reason.OFFER_GRANTED: "The popup was offered.",
    Reason.OFFER_REPEATED: "The same offer again: it was not shown yet.",
    Reason.SHOWN: "The popup was shown.",
    Reason.APPROVED: 'The user tapped "Yes".',
    Reason.DECLINED: 'The user tapped "Not now".',
    Reason.DISMISSED: "The user closed the popup without an answer.",
    Reason.SUPPRESSED: "Another dialog was open, so the popup was not shown.",
    Reason.PERMISSION_UPDATED: "The device reported its permission.",
    Reason.ATTRIBUTES_UPDATED: "Attributes of the user were set.",
    Reason.DECLINE_REPORTED: "The app told of a decline.",
    Reason.UNKNOWN_OFFER: "The outcome of an offer that was not granted here.",
    Reason.NO_TRANSITION: "The outcome changes nothing: it is known, or comes too late.",
    Reason.NOT_REFERRED_TO: "No campaign refers to the event.",
    Reason.UNCHANGED: "The message changed nothing.",
    Reason.DUPLICATE: "The message was sent before.",
    Reason.MESSAGE_ID_REUSED: "The message id was used before with other content.",
    Reason.ATTRIBUTES_FULL: "The user has as many attributes as are kept.",
    Reason.COUNTED: "The event was counted.",
    Reason.MERGED: "What was known of the anonymous user became the user's.",
    Reason.USER_DELETED: "The user was deleted lately; nothing is kept.",
    Reason.TRAITS_WITHHELD: "The traits came from an install that was not proven to be the user's.",
    Reason.CAMPAIGNS_STALE: "The campaigns could not be read, so nothing is shown.",
    Reason.PAUSED: "The campaign is paused, or everything is.",
    Reason.STALE_TRIGGER: "The event came too late, or from the background.",
    Reason.ALREADY_GRANTED: "The device has the permission already.",
    Reason.PERMISSION_DENIED: "The permission was denied, and the OS will not ask again.",
    Reason.NOT_IN_AUDIENCE: "The user is not in the campaign's audience.",
    Reason.OFFER_OPEN: "Another popup is on offer to the user.",
    Reason.POPUP_OPEN: "A popup was shown and is not answered yet.",
    Reason.AWAITING_PERMISSION: 'The user tapped "Yes"; the OS prompt is not answered yet.',
    Reason.PERMISSION_SETTLED: "The OS prompt was denied, and the campaign asks no further.",
    Reason.IN_RETRY_WINDOW: "The wait since the last ask is not over.",
    Reason.NO_VALUE_SINCE: "Too little value was delivered since the last ask.",
    Reason.EXHAUSTED: "Every attempt of the campaign was made.",
    Reason.DRAFT: "The campaign is a draft, which only test users see.",
    Reason.ENDED: "The campaign has ended.",
    Reason.NOT_STARTED: "The campaign has not begun.",
    Reason.TRIGGER_NOT_MET: "The event, its properties or its count are not what triggers.",
    Reason.CALLED_OFF: "An event that calls the trigger off happened shortly before.",
    Reason.NOT_IN_ROLLOUT: "The user is not in the rollout yet.",
    Reason.FREQUENCY_CAP: "The campaign was shown as often as its caps allow.",
    Reason.GLOBAL_CAP: "Popups were shown as often as the settings allow.",
    Reason.COOLING_DOWN: "The OS prompt was swiped away on this device shortly before.",
    Reason.NO_ROUTE: "A yes would lead nowhere on this device.",
    Reason.TOKEN_ERROR: "The permission is granted, but the push token is in error.",
    Reason.HELD_OUT: "The user is in the holdout: the popup would have been shown.",
    Reason.ALREADY_APPROVED: "The user said yes to this popup.",
    Reason.DEEPLINK_REFUSED: "The campaign's deeplink is not allowed by the settings.",
    Reason.ATTEMPT_NOT_FOR_USER: "The next attempt has an audience that the user is not in.",
    Reason.GUARDED: "The settings' guard keeps the user out of every campaign.",
    Reason.LAPSED: "The offer's lease is over.",
    Reason.WITHDRAWN: "The offer was taken back.",
    Reason.NEWER: "A reason of newer code.",
}
