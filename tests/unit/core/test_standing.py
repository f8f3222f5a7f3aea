"""What stands for a device right now, and how it is answered."""

import pytest
from msgspec.structs import replace

from functions.core import standing
from functions.core.campaign import Deeplinks
from functions.core.compiled import Campaigns
from functions.core.model import MINUTE, Outcome, Snapshot, Withdraw
from tests.unit.core.scene import (
    NEVER_ASKED,
    VALUE,
    Scene,
    campaigns_of,
    offer_of,
    shipped_file,
)

COPY = {"title": "t", "body": "b", "approve": "y"}


def titled(title: str) -> dict[str, str]:
    return {**COPY, "title": title}


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("en", "English"),
        ("en-GB", "English"),
        ("EN_us", "English"),
        ("de", "German"),
        ("de-AT", "Austrian"),
        ("de_at", "Austrian"),
        ("de-CH", "German"),
        ("zh-Hant-TW", "Chinese"),
        ("zh-Hans-CN", "English"),
        ("fr", "English"),
        ("", "English"),
        (None, "English"),
    ],
)
def test_copy_falls_back_from_the_locale_to_the_default(locale: str | None, title: str) -> None:
    locales = {
        "en": titled("English"),
        "de": titled("German"),
        "de-AT": titled("Austrian"),
        "zh-Hant": titled("Chinese"),
    }
    file = shipped_file(content={"first": locales, "retry": locales})
    scene = Scene(campaigns_of(file))

    assert scene.offered(locale=locale).content.title == title


def test_a_copy_without_a_decline_button_is_sent_without_one() -> None:
    file = shipped_file(content={"first": {"en": COPY}, "retry": {"en": COPY}})

    assert Scene(campaigns_of(file)).offered().content.decline is None


def test_the_default_locale_may_be_spelt_with_an_underscore() -> None:
    copy = {"en_GB": titled("British")}
    content = {"first": copy, "retry": copy}
    file = shipped_file(content=content)
    scene = Scene(campaigns_of(file, settings={"default_locale": "en_GB"}))

    assert scene.offered(locale="fr").content.title == "British"


def test_a_deeplinks_own_query_stays() -> None:
    file = shipped_file(action={"deeplink": "yourapp://popup?kind=push#top"})

    offer = Scene(campaigns_of(file)).offered()

    expected = f"yourapp://popup?kind=push&offerId={offer.offer_id}&attempt=1#top"
    assert offer.deeplink == expected


def test_row_46_a_deeplink_names_no_user() -> None:
    assert "u1" not in Scene().offered().deeplink.replace(Scene().offered().offer_id, "")


def test_the_open_offer_is_told_to_its_device_alone() -> None:
    scene = Scene()
    offer = scene.offered(device="phone")

    def opened(device: str) -> tuple[object, ...]:
        asker = scene.message(device=device)
        return standing.open_actions(scene.profile, asker, scene.campaigns, scene.now)

    assert opened("phone") == (offer,)
    assert opened("tablet") == opened("") == ()


def check(scene: Scene, offer_id: str, **asker: object) -> str:
    """The reason for which an offer does not stand; empty if it does."""
    message = scene.message(**asker)
    answer = standing.check_offer(scene.profile, offer_id, message, scene.campaigns, scene.now)
    assert answer.offer_id == offer_id
    return answer.reason if isinstance(answer, Withdraw) else ""


def test_an_offer_stands_while_nothing_speaks_against_it() -> None:
    scene = Scene()
    offer = scene.offered().offer_id

    assert check(scene, offer) == ""
    assert check(scene, offer, push=NEVER_ASKED) == ""
    assert check(scene, offer, push=Snapshot(prompts_used=0)) == ""


def test_an_offer_does_not_stand_where_the_asker_was_granted_meanwhile() -> None:
    scene = Scene()
    offer = scene.offered().offer_id

    assert check(scene, offer, push=Snapshot(status="authorized")) == "already_granted"
    assert check(scene, offer, push=Snapshot(status="denied")) == "permission_denied"


def test_an_offer_that_is_over_says_why() -> None:
    scene = Scene()
    offer = scene.offered()

    assert check(scene, offer.offer_id, device="tablet") == "offer_open"
    scene.wait(10 * MINUTE)
    assert check(scene, offer.offer_id) == "lapsed"
    assert check(scene, offer.offer_id, device="tablet") == "lapsed"
    scene.report(Outcome.SHOWN, offer)
    assert check(scene, offer.offer_id) == "shown"
    assert check(scene, "of_unknown") == "unknown_offer"


def test_the_offer_of_a_campaign_that_is_gone_or_paused_does_not_stand() -> None:
    scene = Scene()
    offer = scene.offered().offer_id

    scene.campaigns = campaigns_of(shipped_file(status="paused"))
    assert check(scene, offer) == "paused"

    scene.campaigns = campaigns_of(shipped_file(id="other"))
    assert check(scene, offer) == "paused"
    asker = scene.message()
    assert standing.open_actions(scene.profile, asker, scene.campaigns, scene.now) == (
        Withdraw(offer_id=offer, reason="paused"),
    )


def test_an_offer_of_a_forgotten_profile_has_lapsed() -> None:
    """The id is this user's own; the profile that granted it is gone."""
    scene = Scene()
    offer = scene.offered().offer_id

    assert check(Scene(), offer) == "lapsed"


def test_another_campaigns_open_offer_is_found_behind_one_that_lapsed() -> None:
    files = [shipped_file(id="first", priority=9), shipped_file()]
    scene = Scene(campaigns_of(*files))
    scene.report(Outcome.DECLINED, scene.offered())
    scene.wait(1)
    second = scene.offered()

    asker = scene.message()

    opened = standing.open_actions(scene.profile, asker, scene.campaigns, scene.now)
    assert opened == (second,)
    assert check(scene, second.offer_id) == ""


def test_row_66_stale_campaigns_hand_out_no_offer_on_any_way() -> None:
    scene = Scene()
    first = scene.message(event=VALUE, push=NEVER_ASKED)
    offer = offer_of(scene.send(first))
    scene.campaigns = scene.campaigns.stale()
    asker = scene.message()

    assert scene.send(first).actions == ()
    assert standing.open_actions(scene.profile, asker, scene.campaigns, scene.now) == ()
    withdrawn = standing.check_offer(
        scene.profile, offer.offer_id, asker, scene.campaigns, scene.now
    )
    assert withdrawn == Withdraw(offer_id=offer.offer_id, reason="campaigns_stale")
    gone = campaigns_of(shipped_file(id="other")).stale()
    assert standing.open_actions(scene.profile, asker, gone, scene.now) == ()


# --- explicit asks ---


def test_an_explicit_ask_is_routed_by_what_the_asker_sends_else_by_what_is_known() -> None:
    scene = Scene()
    asker = scene.message(device="phone", platform="")
    assert standing.route_for(scene.profile, asker) == "os_prompt"

    scene.track("PushPermissionChanged", push=Snapshot(status="denied", rationale=False))
    assert standing.route_for(scene.profile, asker) == "open_settings"

    asker = scene.message(device="phone", push=Snapshot(prompts_used=1))
    assert standing.route_for(scene.profile, asker) == "open_settings"

    asker = scene.message(device="phone", push=Snapshot(status="authorized", opted_out=True))
    assert standing.route_for(scene.profile, asker) == "in_app_opt_in"


def test_an_explicit_ask_passes_caps_and_windows() -> None:
    scene = Scene()
    scene.identify(declined_at=scene.now)

    assert standing.route_for(scene.profile, scene.message()) == "os_prompt"


# --- a popup that asks for something else ---


def test_a_popup_without_permission_stands_on_every_device_and_leads_nowhere() -> None:
    scene = Scene(campaigns_of(shipped_file(kind="popup", audience=None)))
    offer = scene.offered(push=Snapshot(status="denied"))

    assert offer.on_approve is None
    [again] = standing.open_actions(scene.profile, scene.message(), scene.campaigns, scene.now)
    assert again == offer


# --- deeplinks, when they are served ---


def test_row_45_a_deeplink_that_the_settings_no_longer_allow_is_not_served() -> None:
    scene = Scene()
    offer = scene.offered()
    narrower = replace(scene.campaigns.settings, deeplinks=Deeplinks(schemes=("newapp",)))
    scene.campaigns = Campaigns(narrower, scene.campaigns.by_id.values())

    assert check(scene, offer.offer_id) == "deeplink_refused"
    assert standing.open_actions(scene.profile, scene.message(), scene.campaigns, scene.now) == ()
    scene.wait(10 * MINUTE)
    assert scene.value().reason.word == "deeplink_refused"


def test_each_platform_has_its_deeplink() -> None:
    links = {"default": "yourapp://web", "ios": "yourapp://apple", "android": "yourapp://droid"}
    campaigns = campaigns_of(shipped_file(action={"deeplink": links}))

    for platform, host in (("ios", "apple"), ("android", "droid"), ("web", "web")):
        offer = Scene(campaigns).offered(platform=platform)
        assert offer.deeplink.startswith(f"yourapp://{host}?offerId=")


# --- attributes in the text ---


def test_attributes_are_placed_for_verified_askers_alone() -> None:
    hello = {**COPY, "title": 'Hello {{ name | default: "there" }}'}
    content = {"first": {"en": hello}, "retry": {"en": COPY}}
    scene = Scene(campaigns_of(shipped_file(content=content)))
    scene.identify({"name": "Ada"})

    assert scene.offered().content.title == "Hello there"
    assert scene.offered(verified=True).content.title == "Hello Ada"
