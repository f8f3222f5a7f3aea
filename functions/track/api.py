"""The public routes: bytes to messages, messages to decisions, decisions to bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext
from msgspec import UNSET

from functions.answering import Body, Public, answering, body_of, no_such_route
from functions.clock import Clock
from functions.core.compiled import Campaigns
from functions.core.model import Message
from functions.core.reason import Reason
from functions.core.verdict import Decision
from functions.store.access import Keys, KeyUse
from functions.store.connection import Unavailable
from functions.store.live import Live, LiveCampaigns
from functions.track.authority import Authority, Judged, Sent, caller
from functions.track.installs import Installs
from functions.track.journal import Journal
from functions.track.routes import ROUTES
from functions.track.service import Folded, Tracker
from functions.wire import answers, messages
from functions.wire.answers import write_actions
from functions.wire.body import MAX_BATCH, MAX_MESSAGE, parse, parse_envelope
from functions.wire.calls import CALLS, MessageKind
from functions.wire.errors import (
    InvalidRequest,
    MessageIdReused,
    NoSuchRoute,
    TooLarge,
    TryAgain,
    WireError,
)
from functions.wire.messages import Json
from functions.wire.tokens import read_given
from functions.wire.write_keys import FIELD, read_key

OPENAPI = Path(__file__).parents[1] / "openapi.json"
"""The document of all routes; the asset carries it."""

CACHED_FOR = 300
"""Seconds for which what is the same for everybody may be kept."""

_KINDS: Mapping[str, MessageKind] = {kind: kind for kind in CALLS}

_WITHHELD = (
    "The traits were not stored: the anonymous id became a user's. Send them in a new message, with"
    " that user's id and token."
)

Answer = Callable[[], Body | Public]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who calls, and what is live meanwhile."""

    by: KeyUse
    keys: Keys
    campaigns: Campaigns


class PublicApi:
    """The routes of the app's side. `salt` hashes the user ids in the log; `stage` is a dimension
    of the metrics in it. `public_host` is whom apps shall call; else whom they called.

    A route with a parameter goes by what API Gateway matched and decoded: Powertools knows only
    some of the characters that a write key may have.

    An object serves one request at a time. Where several objects serve side by side, each is given
    a `resolver` of its own that keeps its event to itself: Powertools keeps one event for them all.
    """

    def __init__(
        self,
        *,
        tracker: Tracker,
        live: LiveCampaigns,
        authority: Authority,
        installs: Installs,
        clock: Clock,
        logger: Logger,
        salt: str,
        stage: str = "dev",
        public_host: str = "",
        resolver: APIGatewayHttpResolver | None = None,
    ) -> None:
        self._tracker = tracker
        self._journal = Journal(logger, salt, stage, tracker.take_conflicts)
        self._live = live
        self._authority = authority
        self._installs = installs
        self._clock = clock
        self._public_host = public_host
        self._resolver = resolver or APIGatewayHttpResolver()
        self._event: Mapping[str, Any] = {}
        for method, path in ROUTES:
            answer = answering(self._answers()[path], logger, self._measured_fault)
            self._resolver.route(path, method)(answer)
        self._resolver.not_found(no_such_route)

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """An API Gateway HTTP API event (payload 2.0) in, its response out."""
        _, _, route = event.get("routeKey", "").partition(" ")
        path = route if "{" in route else event["rawPath"]
        self._event = event
        return self._resolver.resolve({**event, "rawPath": path}, context)

    def _answers(self) -> dict[str, Answer]:
        """By path. Segment's mobile and browser SDKs shorten a call's name to its first letter."""
        named: dict[str, Answer] = {kind: partial(self._single, kind) for kind in CALLS}
        named["batch"] = self._batch
        short = {name[0]: answer for name, answer in named.items()}
        return {f"/v1/{name}": answer for name, answer in {**named, **short}.items()} | {
            "/v1/actions": self._actions,
            "/v1/devices": self._devices,
            "/v1/projects/{writeKey}/settings": self._settings,
            "/openapi.json": self._openapi,
        }

    # --- routes ---

    def _single(self, kind: MessageKind) -> answers.MessageAnswer:
        now = self._clock()
        body = messages.read_object(parse(self._body(MAX_MESSAGE)))
        headers = self._headers()
        admitted = self._admit(headers, body, now)
        sent = Sent(kind, messages.read_message(kind, body, now), read_given(headers, body))
        judged = self._judge_one(sent, admitted, now)
        message = judged.message
        folded = self._fold([message], admitted.campaigns, now)
        [decision] = folded.decisions
        _raise_refusal(decision)
        self._journal.decided([message], folded.decisions, now)
        return answers.MessageAnswer(
            message_id=message.id,
            actions=write_actions(folded.actions, now),
            warnings=_warnings(judged, decision) or UNSET,
        )

    def _batch(self) -> answers.BatchAnswer:
        now = self._clock()
        envelope = parse_envelope(self._body(MAX_BATCH))
        headers = self._headers()
        # Of a stranger's batch no more is parsed than the key.
        admitted = self._admit(headers, _key_of(envelope), now)
        shared, items = messages.read_batch(envelope)
        rows = [_read_item(item, headers, shared, now, place) for place, item in enumerate(items)]
        sent = [row for row in rows if isinstance(row, Sent)]
        judged = self._judge(sent, admitted, now)
        taken = [each.message for each in judged if each.refusal is None]
        folded = self._fold(taken, admitted.campaigns, now)
        self._journal.decided(taken, folded.decisions, now)
        decisions = iter(folded.decisions)
        told = iter([(each, None if each.refusal else next(decisions)) for each in judged])
        results = tuple(
            _result(*next(told), index) if isinstance(row, Sent) else row
            for index, row in enumerate(rows)
        )
        return answers.write_batch(results, folded.actions, now)

    def _actions(self) -> answers.ActionsAnswer | answers.RouteAnswer:
        now = self._clock()
        body = messages.read_object(parse(self._body(MAX_MESSAGE)))
        headers = self._headers()
        admitted = self._admit(headers, body, now)
        sent = Sent("track", messages.read_asker(body, now), read_given(headers, body))
        asker = self._judge_one(sent, admitted, now).message
        if body.get("intent") is not None:
            route = self._tracker.route(asker, now)
            return answers.RouteAnswer(on_approve=route.value if route else None)
        if asker.offer_id is None:
            actions = self._tracker.actions(asker, admitted.campaigns, now)
        else:
            actions = self._tracker.check_offer(asker.offer_id, asker, admitted.campaigns, now)
        return answers.ActionsAnswer(actions=write_actions(actions, now))

    def _devices(self) -> answers.DeviceAnswer:
        now = self._clock()
        body = messages.read_object(parse(self._body(MAX_MESSAGE)))
        headers = self._headers()
        admitted = self._admit(headers, body, now)
        user = messages.read_install(body)
        if user is not None:
            by, keys = admitted.by, admitted.keys
            refusal = self._authority.judge_install(user, read_given(headers, body), by, keys, now)
            if refusal is not None:
                self._journal.refused([refusal], self._authority.enforces, now)
                raise refusal
        return self._installs.issue(user, admitted.keys, now)

    def _settings(self) -> Public:
        now = self._clock()
        live = self._live_at(now)
        write_key = str(self._event["pathParameters"]["writeKey"])
        # A secret in a URL is no secret: it lies in logs on its way.
        caller(write_key, _keys(live), now, [KeyUse.WRITE])
        host = self._public_host or self._headers().get("host", "")
        return Public(answers.write_settings(write_key, host, live.campaigns), CACHED_FOR)

    def _openapi(self) -> Public:
        return Public(_document(OPENAPI), CACHED_FOR)

    def _fold(self, read: list[Message], campaigns: Campaigns, now: int) -> Folded:
        """Raises one user's fault; what was written of the others is no news when it comes again,
        and has its lines before.
        """
        folded = self._tracker.track(read, campaigns, now)
        if folded.fault is not None:
            self._journal.decided(read, folded.decisions, now)
            raise folded.fault
        return folded

    # --- the request's parts ---

    def _body(self, limit: int) -> bytes:
        return body_of(self._event, limit)

    def _admit(self, headers: Mapping[str, str], body: Json, now: int) -> Admitted:
        live = self._live_at(now)
        keys = _keys(live)
        by = caller(read_key(headers, body), keys, now)
        return Admitted(by, keys, live.campaigns)

    def _judge_one(self, sent: Sent, admitted: Admitted, now: int) -> Judged:
        """Raises the refusal, if it holds."""
        [judged] = self._judge([sent], admitted, now)
        if judged.refusal is not None:
            raise judged.refusal
        return judged

    def _judge(self, sent: list[Sent], admitted: Admitted, now: int) -> list[Judged]:
        """Who may act; of a stage that only observes, everybody may."""
        judged = self._authority.judge(sent, admitted.by, admitted.keys, now)
        refusals = [each.refusal for each in judged if each.refusal]
        unmerged = [each.unmerged for each in judged if each.unmerged]
        enforced = self._authority.enforces
        self._journal.refused(refusals, enforced, now)
        self._journal.not_merged(unmerged, enforced, now)
        return judged if enforced else [each.let_through() for each in judged]

    def _live_at(self, now: int) -> Live:
        live = self._live.at(now)
        if live.problem:
            self._journal.not_refreshed(live.problem, now)
        return live

    def _measured_fault(self, error: Unavailable) -> dict[str, Any]:
        return self._journal.measured_fault(error, self._clock())

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self._event["headers"].items()}


@cache
def _document(path: Path) -> msgspec.Raw:
    """Read once, when it is first asked for."""
    try:
        return msgspec.Raw(path.read_bytes())
    except FileNotFoundError:
        raise NoSuchRoute("The document of the routes is not packaged here.") from None


def _key_of(envelope: Mapping[str, msgspec.Raw]) -> Json:
    return {FIELD: parse(bytes(envelope[FIELD]))} if FIELD in envelope else {}


def _read_item(
    item: msgspec.Raw, headers: Mapping[str, str], shared: Json, now: int, index: int
) -> Sent | answers.Result:
    message_id = None
    try:
        if len(bytes(item)) > MAX_MESSAGE:
            raise TooLarge(f"A message has at most {MAX_MESSAGE} bytes.")
        body = messages.read_object(parse(bytes(item)))
        message_id = messages.told_id(body)
        kind = _KINDS.get(str(body.get("type")))
        if kind is None:
            raise InvalidRequest(f"type must be one of {', '.join(_KINDS)}.", "type")
        message = messages.read_message(kind, body, now, shared)
        return Sent(kind, message, read_given(headers, body, shared))
    except WireError as error:
        return _rejected(message_id, error, index)


def _keys(live: Live) -> Keys:
    if live.keys is None:
        raise TryAgain("Send the same call again.")
    return live.keys


def _rejected(message_id: str | None, error: WireError, index: int) -> answers.Result:
    problem = error.within(f"batch[{index}]").body
    return answers.Result(message_id=message_id, status="rejected", error=problem)


def _result(judged: Judged, decision: Decision | None, index: int) -> answers.Result:
    message_id = judged.message.id
    refusal = judged.refusal or _why_refused(decision)
    if refusal is not None:
        return _rejected(message_id, refusal, index)
    is_known = decision is not None and decision.reason is Reason.DUPLICATE
    return answers.Result(
        message_id=message_id,
        status="duplicate" if is_known else "accepted",
        warnings=_warnings(judged, decision),
    )


def _warnings(judged: Judged, decision: Decision | None) -> tuple[str, ...]:
    """What was left out of a message that was taken."""
    reasons = decision.reasons if decision else ()
    if any(verdict.reason is Reason.TRAITS_WITHHELD for verdict in reasons):
        return (*judged.warnings, _WITHHELD)
    return judged.warnings


def _why_refused(decision: Decision | None) -> WireError | None:
    if decision is None:
        return None
    if decision.reason is Reason.MESSAGE_ID_REUSED:
        problem = "This messageId was used with other content; give every message its own."
        return MessageIdReused(problem, "messageId")
    if decision.reason is Reason.ATTRIBUTES_FULL:
        problem = (
            "A user has at most 100 attributes of 16 KB together; these traits were not stored."
        )
        return TooLarge(problem, "traits")
    return None


def _raise_refusal(decision: Decision | None) -> None:
    refusal = _why_refused(decision)
    if refusal is not None:
        raise refusal
