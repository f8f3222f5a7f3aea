"""Requests and answers as they stand in the README, and others like them."""

from functions.core.model import Content
from functions.wire.answers import OpenDeeplinkAction

ANONYMOUS_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OFFER_ID = "of_agqmiudmadfu4aabaaaaaaae6rcfs42rc"
NOW = "2026-11-21T10:00:00Z"

CONTEXT = {
    "device": {"id": "d1"},
    "os": {"name": "iOS", "version": "18.1"},
    "push": {"status": "notDetermined"},
}

OFFER = OpenDeeplinkAction(
    campaign="push-softask",
    campaign_version=0,
    offer_id=OFFER_ID,
    attempt=1,
    arm="soft_ask",
    user_id="u1",
    deeplink=f"yourapp://popup/push-softask?offerId={OFFER_ID}&attempt=1",
    content=Content(
        locale="en",
        title="Get daily streak reminders?",
        body="We remind you once a day, before your streak ends. Nothing else.",
        approve="Yes, notify me",
        decline="Not now",
    ),
    on_approve="os_prompt",
    show_after_seconds=0,
    expires_at="2026-11-21T10:10:00Z",
    expires_in_seconds=600,
)

RATE_THE_APP = {
    "id": "rate-the-app",
    "kind": "popup",
    "status": "active",
    "trigger": {"any": [{"event": "OrderCompleted", "where": {"property": "rating", "gte": 4}}]},
    "attempts": [{"content": "first"}, {"content": "first", "wait": "60d"}],
    "action": {"deeplink": "yourapp://popup/rate"},
    "content": {
        "first": {
            "en": {
                "title": "How do you like the app?",
                "body": "A rating takes ten seconds, and helps others to find us.",
                "approve": "Rate now",
                "decline": "Later",
            }
        }
    },
}

SETTINGS = {"default_locale": "en", "deeplinks": {"schemes": ["yourapp"]}, "test_users": ["u-17"]}
