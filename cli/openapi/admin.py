"""The operator's routes, in words and examples."""

from cli.openapi.checked import LONGEST_ID, SINCE_1970, Schema, named
from cli.openapi.examples import CONTEXT, NOW, OFFER_ID, RATE_THE_APP, SETTINGS
from cli.openapi.operation import Body, Link, Operation, Parameter, Route
from functions.core.campaign import parse_campaign, parse_settings
from functions.core.figures import FIRST_SHOWS, LONGEST_ATTRIBUTION
from functions.core.model import SECOND
from functions.core.permission import STATUS_WORDS
from functions.core.reason import Reason
from functions.wire import admin, imports, keys, report, users
from functions.wire.admin import (
    InvalidCampaign,
    InvalidSettings,
    NotATestUser,
    NotFound,
    NotPaused,
    VersionConflict,
)
from functions.wire.errors import InvalidRequest, TooLarge
from functions.wire.keys import KeyExists, KeyReplaced, LastWriteKey

_CAMPAIGN = "/v1/admin/campaigns/{id}"
_USER_KEY = "-cWooYkuLu4qouVkkkr2mK5BXWRsOyMD8Q7h0bc3aX8"
_BY = "arn:aws:iam::000000000000:user/ada"

_CAMPAIGN_ID = Parameter(
    name="id",
    place="path",
    says="The campaign's id.",
    schema={"type": "string", "minLength": 1},
    example="push-softask",
)
_NEW_ID = Parameter(
    name="id",
    place="path",
    says="The campaign's id, as in the file.",
    schema={"type": "string", "minLength": 1},
    example="rate-the-app",
)
_NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_VERSION = Parameter(
    name="version",
    place="query",
    says="Which version; else the live one, or the draft.",
    schema=_NUMBER,
)
_BEFORE = Parameter(
    name="before", place="query", says="Only versions before this one.", schema=_NUMBER
)

_DAY: Schema = {"type": "string", "format": "date", "pattern": r"^(19[7-9]|[2-9][0-9])"}
_OF_A_REPORT = (
    Parameter(
        name="from",
        place="query",
        says="The first day, UTC; else the 30th before the last one, itself among them.",
        schema=_DAY,
    ),
    Parameter(
        name="to",
        place="query",
        says="The last day, UTC; else today. At most 400 days in all.",
        schema=_DAY,
    ),
    Parameter(
        name="platform",
        place="query",
        says="Only phones of this platform; else all together.",
        schema={"enum": [*report.PLATFORM_NAMES]},
    ),
)

_USER_ID: Schema = {"type": "string", "minLength": 1, **LONGEST_ID}
_USER = (
    Parameter(
        name="id",
        place="path",
        says="The user's id, of at most 256 characters.",
        schema={"type": "string", "minLength": 1},
        example="u1",
    ),
    Parameter(
        name="kind",
        place="query",
        says="Whose id it is.",
        schema={"enum": ["user", "anonymous"], "default": "user"},
    ),
    Parameter(
        name="id",
        place="query",
        says="In place of the path's id where a path cannot spell it: one with a slash or a "
        "question mark.",
        schema=_USER_ID,
    ),
)
_AFTER = Parameter(
    name="after",
    place="query",
    says="What `next` said: facts from there on.",
    schema={"type": "string", "pattern": r"^[^:]+:[\s\S]+$"},
)

_SAME_CAMPAIGN = {"id": "$response.body#/id"}
_SHOW = Link(operation="showCampaign", says="The campaign as it is now.", parameters=_SAME_CAMPAIGN)
_EXPLAIN = Link(
    operation="explainCampaign",
    says="Would this user see it?",
    parameters=_SAME_CAMPAIGN,
    body={"userId": "u1"},
)

_ROW: Schema = {
    "description": "A user; a row that is wrong is rejected by itself.",
    "type": "object",
    "additionalProperties": named("Value"),
    "properties": {
        "userId": {"type": ["string", "null"], **LONGEST_ID},
        "anonymousId": {"type": ["string", "null"], **LONGEST_ID},
        "pushPermissionStatus": {"enum": [*STATUS_WORDS, None]},
        "declinedAt": SINCE_1970,
        "lastShownAt": SINCE_1970,
    },
}
IMPORT_BODY: Schema = {
    "description": "What the system in use before knew. Dates only ever move forward.",
    "type": "object",
    "properties": {
        "users": {
            "type": "array",
            "maxItems": imports.MAX_ROWS,
            "items": {"anyOf": [_ROW, named("Value")]},
        },
        "asOf": SINCE_1970,
    },
    "required": ["users"],
    "additionalProperties": False,
}
"""Its rows are read one by one (`functions.wire.imports`), so no type says this."""

_SAME_USER = {"id": "$response.body#/id", "kind": "$response.body#/kind"}
_DELETE = Link(operation="deleteUser", says="Delete it all.", parameters=_SAME_USER)
_DECISIONS = Link(operation="listDecisions", says="The last decisions.", parameters=_SAME_USER)

_KEY_ID = Parameter(
    name="id",
    place="path",
    says="The key's id.",
    schema={"type": "string", "minLength": 1},
    example="sk-9f86d081884c",
)
_FORCE = Parameter(
    name="force",
    place="query",
    says="Revoke even the last write key: no app may call then.",
    schema={"type": "boolean", "default": False},
)
_WHY = Parameter(
    name="reason",
    place="query",
    says="Why; kept with the change.",
    schema={"type": "string", "maxLength": 500},
)
_LIST_KEYS = Link(operation="listKeys", says="Every key as it is now.")

_WRITE_KEY = keys.KeyRow(id="wk-1b4f0e985197", use="write", name="")
_STAGE = "prod"
_TOLD_ONCE = "sk_…"
_SERVER_KEY = keys.KeyRow(
    id="sk-60303ae22b99", use="server", name="billing", made_at=NOW, made_by=_BY
)
_OLD_SERVER_KEY = keys.KeyRow(
    id="sk-9f86d081884c",
    use="server",
    name="billing",
    made_at="2025-11-21T10:00:00Z",
    made_by=_BY,
    ends_at="2026-11-22T10:00:00Z",
)

_FILE = parse_campaign(RATE_THE_APP)
_CHANGED = admin.ChangeAnswer(id="push-softask", version=0, status="paused", revision=1)
_CHECK = admin.CheckBody(
    name="waits",
    says="at most 2 attempts, each after its wait",
    value={"attemptsSpent": 1, "lastOutcome": "declined"},
    passes=False,
    passes_at="2026-12-05T10:00:00Z",
)
_EXPLAINED = admin.ExplainAnswer(
    campaign="push-softask",
    version=0,
    user_id="u1",
    is_known=True,
    at=NOW,
    would_show=False,
    reason=Reason.IN_RETRY_WINDOW.word,
    sentence=Reason.IN_RETRY_WINDOW.says,
    attempt=2,
    next_eligible_at="2026-12-05T10:00:00Z",
    checks=(_CHECK,),
)

_REPORT = report.ReportAnswer(
    campaign="push-softask",
    kind="push",
    from_="2026-11-21",
    to="2026-11-21",
    platform=None,
    as_of="2026-11-23T10:00:00Z",
    first_show_bounds=tuple(bound // SECOND for bound in FIRST_SHOWS),
    arms=(
        report.ArmReport(
            arm="soft_ask",
            variant="",
            exposed=1,
            offered=1,
            shown=1,
            approved=1,
            granted=1,
            prompted=1,
            shown_users=1,
            first_show=(0, 0, 1, *(0,) * (len(FIRST_SHOWS) - 2)),
            opted_in=1,
            converted=(1, *(0,) * (LONGEST_ATTRIBUTION - 1)),
        ),
    ),
    rows=(
        report.ReportRow(
            arm="soft_ask",
            variant="",
            version=0,
            attempt=0,
            platform="ios",
            day="2026-11-21",
            exposed=1,
            shown_users=1,
            first_show=(0, 0, 1, *(0,) * (len(FIRST_SHOWS) - 2)),
            opted_in=1,
            converted=(1, *(0,) * (LONGEST_ATTRIBUTION - 1)),
        ),
        report.ReportRow(
            arm="soft_ask",
            variant="",
            version=0,
            attempt=1,
            platform="ios",
            day="2026-11-21",
            offered=1,
            shown=1,
            approved=1,
            granted=1,
            prompted=1,
        ),
    ),
    versions=(
        report.VersionReport(version=0, arms={}, variants={}, has_goal=False, longest_wait_days=14),
    ),
    app_wide=report.AppWide(prompted=0, unasked=0),
)

ADMIN: dict[Route, Operation] = {
    ("GET", "/v1/admin/campaigns"): Operation(
        id="listCampaigns",
        tag="Campaigns",
        security="sigv4",
        summary="Every campaign, by id",
        answers=(
            admin.CampaignsAnswer(
                revision=0,
                paused=False,
                campaigns=(
                    admin.CampaignRow(
                        id="push-softask",
                        kind="push",
                        version=0,
                        status="active",
                        priority=0,
                        rollout=100,
                        draft=None,
                    ),
                ),
            ),
        ),
        links={
            "showCampaign": Link(
                operation="showCampaign",
                says="The first of them.",
                parameters={"id": "$response.body#/campaigns/0/id"},
            )
        },
    ),
    ("GET", _CAMPAIGN): Operation(
        id="showCampaign",
        tag="Campaigns",
        security="sigv4",
        summary="One version of a campaign, with its file",
        parameters=(_CAMPAIGN_ID, _VERSION),
        answers=(
            admin.CampaignAnswer(
                id="rate-the-app",
                version=1,
                status="active",
                is_live=True,
                draft=None,
                published_at=NOW,
                published_by=_BY,
                reason="first try",
                campaign=_FILE,
            ),
        ),
        refusals=(InvalidRequest, InvalidCampaign, NotFound),
    ),
    ("PUT", _CAMPAIGN): Operation(
        id="publishCampaign",
        tag="Campaigns",
        security="sigv4",
        summary="Publish a version of a campaign",
        says="Strictly checked: what a type cannot say is checked too, and answered as "
        "`invalid_campaign` with its place. With `check`, nothing is stored.",
        parameters=(_NEW_ID,),
        body=Body(
            kind=admin.PublishBody,
            example={"campaign": RATE_THE_APP, "expectedVersion": None, "reason": "first try"},
        ),
        answers=(admin.PublishAnswer(id="rate-the-app", version=1, status="active", warnings=()),),
        refusals=(InvalidRequest, InvalidCampaign, VersionConflict, TooLarge),
        links={
            "showCampaign": _SHOW,
            "explainCampaign": _EXPLAIN,
            "listVersions": Link(
                operation="listVersions", says="All its versions.", parameters=_SAME_CAMPAIGN
            ),
            "pauseCampaign": Link(
                operation="pauseCampaign", says="Stop it.", parameters=_SAME_CAMPAIGN
            ),
        },
    ),
    ("GET", f"{_CAMPAIGN}/versions"): Operation(
        id="listVersions",
        tag="Campaigns",
        security="sigv4",
        summary="Versions of a campaign, newest first",
        parameters=(_CAMPAIGN_ID, _BEFORE),
        answers=(
            admin.VersionsAnswer(
                versions=(
                    admin.VersionRow(version=0, status="active", is_live=True, is_draft=False),
                )
            ),
        ),
        refusals=(InvalidRequest, NotFound),
    ),
    ("POST", f"{_CAMPAIGN}/pause"): Operation(
        id="pauseCampaign",
        tag="Campaigns",
        security="sigv4",
        summary="Pause a campaign",
        says="Obeyed within 30 seconds. Outcomes are still recorded.",
        parameters=(_CAMPAIGN_ID,),
        body=Body(kind=admin.ReasonBody, example={"reason": "too early"}, required=False),
        answers=(_CHANGED,),
        refusals=(InvalidRequest, NotFound, TooLarge),
        links={
            "resumeCampaign": Link(
                operation="resumeCampaign", says="End the pause.", parameters=_SAME_CAMPAIGN
            ),
            "showCampaign": _SHOW,
        },
    ),
    ("POST", f"{_CAMPAIGN}/resume"): Operation(
        id="resumeCampaign",
        tag="Campaigns",
        security="sigv4",
        summary="End a pause",
        parameters=(_CAMPAIGN_ID,),
        body=Body(kind=admin.ReasonBody, example={"reason": "mended"}, required=False),
        answers=(admin.ChangeAnswer(id="push-softask", version=0, status="active", revision=2),),
        refusals=(InvalidRequest, NotFound, NotPaused, TooLarge),
        links={"explainCampaign": _EXPLAIN},
    ),
    ("POST", f"{_CAMPAIGN}/rollback"): Operation(
        id="rollBackCampaign",
        tag="Campaigns",
        security="sigv4",
        summary="Make another version the live one",
        parameters=(_CAMPAIGN_ID,),
        body=Body(
            kind=admin.RollbackBody,
            example={"version": 0, "expectedVersion": 0, "reason": "the new copy asks too much"},
        ),
        answers=(admin.ChangeAnswer(id="push-softask", version=0, status="active", revision=3),),
        refusals=(InvalidRequest, InvalidCampaign, NotFound, VersionConflict, TooLarge),
    ),
    ("POST", f"{_CAMPAIGN}/explain"): Operation(
        id="explainCampaign",
        tag="Users",
        security="sigv4",
        summary="Why a user would, or would not, see a campaign",
        says="Every rule with its value and its verdict. Nothing is stored.",
        parameters=(_CAMPAIGN_ID,),
        body=Body(kind=admin.ExplainBody, example={"userId": "u1", "context": CONTEXT}),
        answers=(_EXPLAINED,),
        refusals=(InvalidRequest, NotFound, TooLarge),
    ),
    ("POST", f"{_CAMPAIGN}/test"): Operation(
        id="rehearse",
        tag="Users",
        security="sigv4",
        summary="Let a test user's next ask wait for nothing",
        says="For those in the settings' `test_users` alone.",
        parameters=(_CAMPAIGN_ID,),
        body=Body(kind=admin.TestBody, example={"userId": "u-17", "skipWaits": True}),
        answers=(
            admin.TestAnswer(
                campaign="push-softask",
                version=0,
                user_id="u-17",
                is_known=True,
                at=NOW,
                would_show=True,
                reason=Reason.OFFER_GRANTED.word,
                sentence=Reason.OFFER_GRANTED.says,
                attempt=1,
                next_eligible_at=NOW,
                checks=(),
                skips_waits=True,
            ),
        ),
        refusals=(InvalidRequest, NotATestUser, NotFound, TooLarge),
    ),
    ("GET", f"{_CAMPAIGN}/report"): Operation(
        id="reportCampaign",
        tag="Campaigns",
        security="sigv4",
        summary="What a campaign led to, by arm",
        says="Exact sums over whole days. `softask report` makes rates, intervals and a verdict "
        "of them.",
        parameters=(_CAMPAIGN_ID, *_OF_A_REPORT),
        answers=(_REPORT,),
        refusals=(InvalidRequest, InvalidCampaign, NotFound, TooLarge),
    ),
    ("GET", "/v1/admin/settings"): Operation(
        id="showSettings",
        tag="Settings",
        security="sigv4",
        summary="What holds over all campaigns",
        answers=(
            admin.SettingsAnswer(
                revision=1,
                settings=parse_settings(SETTINGS),
                changed_at=NOW,
                changed_by=_BY,
                reason="a test user",
            ),
        ),
        links={
            "changeSettings": Link(
                operation="changeSettings",
                says="The same settings again, which changes nothing.",
                body={
                    "settings": "$response.body#/settings",
                    "expectedRevision": "$response.body#/revision",
                },
            )
        },
    ),
    ("PUT", "/v1/admin/settings"): Operation(
        id="changeSettings",
        tag="Settings",
        security="sigv4",
        summary="Change what holds over all campaigns",
        says="Every live campaign and draft must still hold under them; else "
        "`invalid_settings` names the first that does not.",
        body=Body(
            kind=admin.SettingsBody,
            example={"settings": SETTINGS, "expectedRevision": 0, "reason": "a test user"},
        ),
        answers=(admin.SettingsChanged(revision=1, warnings=()),),
        refusals=(InvalidRequest, InvalidSettings, VersionConflict, TooLarge),
    ),
    ("GET", "/v1/admin/users/{id}"): Operation(
        id="exportUser",
        tag="Users",
        security="sigv4",
        summary="All that is held of a user",
        parameters=(*_USER, _AFTER),
        answers=(
            users.UserAnswer(
                id="u1",
                kind="user",
                user_key=_USER_KEY,
                is_known=True,
                retain_until="2028-12-20T10:00:00Z",
                profile={"user": {"kind": "user", "id": "u1"}, "attributes": {}, "recent": []},
                windows=(
                    users.WindowRow(
                        campaign="push-softask",
                        due_at="2026-12-05T10:00:00Z",
                        window="push-softask:1:1796464800",
                    ),
                ),
                facts=(
                    users.FactRow(
                        id=f"{OFFER_ID}:offered",
                        kind="offered",
                        at=NOW,
                        campaign="push-softask",
                        version=0,
                        attempt=1,
                        arm="soft_ask",
                        platform="ios",
                        offer_id=OFFER_ID,
                    ),
                ),
            ),
        ),
        refusals=(InvalidRequest,),
        links={"deleteUser": _DELETE, "listDecisions": _DECISIONS},
    ),
    ("DELETE", "/v1/admin/users/{id}"): Operation(
        id="deleteUser",
        tag="Users",
        security="sigv4",
        summary="Delete a user",
        says="Late events bring nothing back until `lateEventsRefusedUntil`. The same call again "
        "finishes what was left.",
        parameters=_USER,
        answers=(
            users.UserDeletedAnswer(
                id="u1",
                kind="user",
                became_user_id=None,
                user_key=_USER_KEY,
                deleted_at=NOW,
                late_events_refused_until="2026-12-21T10:00:00Z",
                deleted=users.DeletedCounts(profiles=1, anonymous_ids=0, windows=1, facts=4),
            ),
        ),
        refusals=(InvalidRequest,),
        links={
            "exportUser": Link(
                operation="exportUser", says="Nothing is left of it.", parameters=_SAME_USER
            )
        },
    ),
    ("GET", "/v1/admin/users/{id}/decisions"): Operation(
        id="listDecisions",
        tag="Users",
        security="sigv4",
        summary="What became of a user's last messages, newest first",
        parameters=_USER,
        answers=(
            admin.DecisionsAnswer(
                user_id="u1",
                decisions=(
                    admin.DecisionRow(
                        at=NOW,
                        reason=Reason.OFFER_GRANTED.word,
                        says=Reason.OFFER_GRANTED.says,
                    ),
                ),
            ),
        ),
        refusals=(InvalidRequest,),
    ),
    ("POST", "/v1/admin/users/import"): Operation(
        id="importUsers",
        tag="Users",
        security="sigv4",
        summary="Take over what the system in use before knew",
        says="May run before, during and after launch, twice, and in any order.",
        body=Body(
            kind=IMPORT_BODY,
            example={
                "users": [
                    {"userId": "u1", "declinedAt": "2026-11-01T09:00:00Z"},
                    {"userId": "u2", "pushPermissionStatus": "granted"},
                ]
            },
        ),
        answers=(
            imports.ImportAnswer(
                results=(
                    imports.ImportResult(row=0, status="imported"),
                    imports.ImportResult(row=1, status="unchanged"),
                )
            ),
        ),
        refusals=(InvalidRequest, TooLarge),
    ),
    ("GET", "/v1/admin/keys"): Operation(
        id="listKeys",
        tag="Keys",
        security="sigv4",
        summary="Every key, by id, without its secret",
        says="`unknown` is a key of newer code: kept as it is, and no way in.",
        answers=(
            keys.KeysAnswer(
                revision=1, stage=_STAGE, auth="enforce", keys=(_SERVER_KEY, _WRITE_KEY)
            ),
        ),
    ),
    ("POST", "/v1/admin/keys"): Operation(
        id="createKey",
        tag="Keys",
        security="sigv4",
        summary="Make or register a key",
        says="Every function knows it within 20 seconds. A user key needs `publicKey` and "
        "`issuer`; `sha256` takes over a write key that is in use. A private key is refused.",
        body=Body(
            kind=keys.CreateKeyBody,
            example={"use": "server", "name": "billing", "reason": "invoices"},
        ),
        answers=(keys.KeyAnswer(revision=1, stage=_STAGE, key=_SERVER_KEY, secret=_TOLD_ONCE),),
        refusals=(InvalidRequest, KeyExists, TooLarge),
        links={"listKeys": _LIST_KEYS},
    ),
    ("POST", "/v1/admin/keys/{id}/rotate"): Operation(
        id="rotateKey",
        tag="Keys",
        security="sigv4",
        summary="Make a key in place of another",
        says="Both hold until `overlapSeconds` are over: by default 30 days for a write key, 90 "
        "for a device key, one for the others. A user key needs the new `publicKey`.",
        parameters=(_KEY_ID,),
        body=Body(kind=keys.RotateKeyBody, example={"reason": "yearly"}, required=False),
        answers=(
            keys.KeyRotatedAnswer(
                revision=2,
                stage=_STAGE,
                key=_SERVER_KEY,
                secret=_TOLD_ONCE,
                replaced=_OLD_SERVER_KEY,
            ),
        ),
        refusals=(InvalidRequest, NotFound, KeyExists, KeyReplaced, TooLarge),
        links={"listKeys": _LIST_KEYS},
    ),
    ("DELETE", "/v1/admin/keys/{id}"): Operation(
        id="revokeKey",
        tag="Keys",
        security="sigv4",
        summary="Refuse a key from now on",
        says="Everywhere within 20 seconds. `warnings` names whom that leaves without a key that "
        "lasts.",
        parameters=(_KEY_ID, _FORCE, _WHY),
        answers=(keys.KeyRevokedAnswer(id="sk-9f86d081884c", revision=3, stage=_STAGE),),
        refusals=(InvalidRequest, NotFound, LastWriteKey),
        links={"listKeys": _LIST_KEYS},
    ),
}
