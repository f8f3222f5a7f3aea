"""Deeplinks that a campaign may not have."""

from pathlib import Path

import msgspec
import pytest

from cli.campaigns import read_package
from functions.core.campaign import ActionRule, Published, compile_campaign
from functions.core.errors import CampaignError

PACKAGE = read_package(Path(__file__).parents[3] / "campaigns")


def compile_with(deeplink: str) -> str:
    [file] = PACKAGE.campaigns
    changed = msgspec.structs.replace(file, action=ActionRule(deeplink=deeplink))
    return compile_campaign(Published(changed), PACKAGE.settings).deeplink


@pytest.mark.parametrize(
    "deeplink",
    [
        "javascript:alert(1)",
        "JavaScript://x/%0aalert(1)",
        "data:text/html,x",
        "intent://x#Intent;scheme=yourapp;end",
        "otherapp://popup",
        "https://example.com/popup",
        "yourapp://user:secret@popup",
        "yourapp://user@popup",
        "yourapp://popup/\u0000",
        "yourapp://popup/\n",
        "yourapp://popup/\u202egnp",
        "yourapp:// popup",
        "yourapp:popup",
        "yourapp:",
        "popup",
        "",
    ],
)
def test_row_45_a_deeplink_that_could_lead_elsewhere_is_refused(deeplink: str) -> None:
    with pytest.raises(CampaignError, match=r"^action\.deeplink: "):
        compile_with(deeplink)


@pytest.mark.parametrize(
    "deeplink", ["yourapp://popup", "yourapp://popup/x?y=1", "YOURAPP://popup"]
)
def test_the_apps_own_deeplink_is_taken_as_it_is(deeplink: str) -> None:
    assert compile_with(deeplink) == deeplink
