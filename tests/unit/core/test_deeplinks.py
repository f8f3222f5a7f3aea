"""Deeplinks that a campaign may have, and what is added to them."""

from urllib.parse import parse_qs, urlsplit

import pytest

from functions.core.campaign import Deeplinks
from functions.core.deeplinks import check_deeplink, is_allowed, with_offer
from functions.core.errors import CampaignError
from functions.core.model import Offer

PLACE = ("action", "deeplink")
OWN = Deeplinks(schemes=("yourapp",))
WEB = Deeplinks(schemes=("yourapp", "HTTPS", "http"), hosts=("Example.com",))
CARELESS = Deeplinks(
    schemes=("javascript", "data", "intent", "file", "vbscript", "blob", "about", "content"),
    hosts=("x",),
)
OFFER = Offer(
    id="of_1.a-b",
    serial=1,
    device="phone",
    attempt=2,
    version=3,
    arm="soft_ask",
    granted_at=0,
    lease_until=1,
)


def refusal(link: str, allowed: Deeplinks = OWN) -> str:
    assert not is_allowed(link, allowed)
    with pytest.raises(CampaignError) as refused:
        check_deeplink(link, allowed, PLACE)
    assert refused.value.place == PLACE
    return refused.value.problem


def accepts(link: str, allowed: Deeplinks = OWN) -> bool:
    check_deeplink(link, allowed, PLACE)
    return is_allowed(link, allowed)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript://x/%0aalert(1)",
        "data:text/html,x",
        "intent://x#Intent;scheme=yourapp;end",
        "otherapp://popup",
        "https://example.com/popup",
        "yourapp://user:secret@popup",
        "yourapp://user@popup",
        "yourapp://@popup",
        "yourapp://popup/\u0000",
        "yourapp://popup/\n",
        "\tyourapp://popup",
        "your\napp://popup",
        "yourapp://popup/\u202egnp",
        "yourapp://popup/\u00a0",
        "yourapp:// popup",
        " yourapp://popup",
        "yourapp:popup",
        "yourapp:///popup",
        "yourapp://:80/popup",
        "yourapp://[popup",
        "yourapp:\\\\popup",
        "yourapp:",
        "//popup",
        "popup",
        "",
    ],
)
def test_row_45_a_deeplink_that_could_lead_elsewhere_is_refused(link: str) -> None:
    assert refusal(link)


@pytest.mark.parametrize("scheme", CARELESS.schemes)
def test_row_45_a_scheme_that_runs_code_is_refused_even_if_the_settings_list_it(
    scheme: str,
) -> None:
    assert "never allowed" in refusal(f"{scheme}://x/y", CARELESS)
    assert "never allowed" in refusal(f"{scheme.upper()}://x/y", CARELESS)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.com/popup",
        "https://example.com.evil.com",
        "https://sub.example.com",
        "https://example.com.",
        "https://example.com:8443/popup",
        "https://example.com:/popup",
        "https://example.com@evil.com",
        "https://evil.com\\.example.com",
        "https://evil.com\\@example.com",
        "https://example.com%2eevil.com",
        "https://\u0435xample.com",
        "https:///example.com",
        "https:example.com",
        "http://evil.com",
    ],
)
def test_row_45_a_web_link_to_another_host_is_refused(link: str) -> None:
    assert refusal(link, WEB)


@pytest.mark.parametrize(
    "link", ["yourapp://popup", "yourapp://popup/x?y=1#z", "YOURAPP://popup", "yourapp://popup/ü"]
)
def test_the_apps_own_deeplink_is_allowed(link: str) -> None:
    assert accepts(link)


@pytest.mark.parametrize(
    "link", ["https://example.com/popup?x=1", "HTTPS://EXAMPLE.COM", "http://example.com"]
)
def test_a_web_link_to_an_allowed_host_is_allowed(link: str) -> None:
    assert accepts(link, WEB)


def test_an_own_scheme_needs_no_host_on_the_list() -> None:
    assert accepts("yourapp://popup", WEB)


def test_schemes_of_the_settings_are_read_in_any_case() -> None:
    assert accepts("yourapp://popup", Deeplinks(schemes=("YourApp",)))


@pytest.mark.parametrize("query", ["offerId=of_2", "x=1&attempt=", "offerId"])
def test_a_deeplink_that_names_an_offer_itself_is_refused(query: str) -> None:
    assert "the answer adds them" in refusal(f"yourapp://popup?{query}")


@pytest.mark.parametrize(
    ("link", "mend"),
    [
        ("otherapp://popup", "use one of yourapp, HTTPS, http, or add it to deeplinks.schemes"),
        ("https://evil.com", "add it to deeplinks.hosts in settings.yaml (there now: Example.com)"),
        ("https://example.com:443", "without a port"),
        ("yourapp://a@popup", "without user info"),
        ("yourapp://po pup", "remove the white space"),
        ("yourapp://[popup", "write it as scheme://host/path"),
    ],
)
def test_a_refusal_names_the_mend(link: str, mend: str) -> None:
    assert mend in refusal(link, WEB)


def test_without_hosts_no_web_link_is_allowed() -> None:
    assert "(there now: -)" in refusal("https://example.com", Deeplinks(schemes=("https",)))


@pytest.mark.parametrize(
    ("link", "served"),
    [
        ("yourapp://popup", "yourapp://popup?offerId=of_1.a-b&attempt=2"),
        ("yourapp://popup/x?", "yourapp://popup/x?offerId=of_1.a-b&attempt=2"),
        ("yourapp://popup?x=1&y=", "yourapp://popup?x=1&y=&offerId=of_1.a-b&attempt=2"),
        ("yourapp://popup#top", "yourapp://popup?offerId=of_1.a-b&attempt=2#top"),
        (
            "https://example.com/a?b=%20#c",
            "https://example.com/a?b=%20&offerId=of_1.a-b&attempt=2#c",
        ),
    ],
)
def test_the_offer_joins_the_query_and_the_rest_stays(link: str, served: str) -> None:
    assert with_offer(link, OFFER) == served


def test_row_46_a_deeplink_carries_the_offer_and_no_user_id() -> None:
    query = parse_qs(urlsplit(with_offer("yourapp://popup", OFFER)).query)

    assert query == {"offerId": ["of_1.a-b"], "attempt": ["2"]}
