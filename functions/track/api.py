"""The public routes: bytes to messages, messages to decisions, decisions to bytes."""

from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from functions.answering import answering, body_of, no_such_route
from functions.clock import Clock
from functions.core.model import Message, User
from functions.core.reason import Reason
from functions.core.verdict import Decision
from functions.store.campaigns import Live, LiveCampaigns
from functions.store.keys import user_key
from functions.track.routes import PATHS
from functions.track.service import Folded, Tracker
from functions.wire import answers, messages
from functions.wire.answers import write_actions
from functions.wire.body import (
    MAX_BATCH,
    MAX_MESSAGE,
    parse,
    parse_array,
    parse_envelope,
)
from functions.wire.errors import (
    InvalidRequest,
    MessageIdReused,
    TooLarge,
    WireError,
)
from functions.wire.messages import Json, MessageKind
from functions.wire.write_keys import check_write_key

MAX_MESSAGES = 2_500

_KINDS: dict[str, MessageKind] = {"track": "track", "identify": "identify"}

_QUIET = (Reason.UNCHANGED, Reason.DUPLICATE)
"""Messages that changed nothing are not worth a line."""


class PublicApi:
    """The routes of the app's side. `salt` hashes the user ids in the log.

    `resolver` may be given where requests run side by side: Powertools' own keeps the current
    event on its class, which suits one request at a time.
    """

    def __init__(
        self,
        *,
        tracker: Tracker,
        live: LiveCampaigns,
        clock: Clock,
        logger: Logger,
        salt: str,
        resolver: APIGatewayHttpResolver | None = None,
    ) -> None:
        self._tracker = tracker
        self._live = live
        self._clock = clock
        self._logger = logger
        self._salt = salt
        self.resolver = resolver or APIGatewayHttpResolver()
        self._add_routes()

    def _add_routes(self) -> None:
        track, identify = lambda: self._single("track"), lambda: self._single("identify")
        for path, answer in zip(PATHS, (track, identify, self._batch, self._actions), strict=True):
            self.resolver.post(path)(answering(answer, self._logger))
        self.resolver.not_found(no_such_route)

    # --- routes ---

    def _single(self, kind: MessageKind) -> answers.MessageAnswer:
        now = self._clock()
        body = messages.read_object(parse(self._body(MAX_MESSAGE)))
        live = self._authorised(body, now)
        message = messages.read_message(kind, body, now)
        folded = self._tracker.track([message], live.campaigns, now)
        [decision] = folded.decisions
        _raise_refusal(decision)
        self._log([message], folded)
        return answers.MessageAnswer(
            message_id=message.id, actions=write_actions(folded.actions, now)
        )

    def _batch(self) -> answers.BatchAnswer:
        now = self._clock()
        envelope = parse_envelope(self._body(MAX_BATCH))
        if "batch" not in envelope:
            raise InvalidRequest("Add batch: an array of messages.", "batch")
        items = parse_array(envelope.pop("batch"), "batch")
        shared = {key: parse(bytes(value)) for key, value in envelope.items()}
        live = self._authorised(shared, now)
        if len(items) > MAX_MESSAGES:
            raise TooLarge(f"A batch has at most {MAX_MESSAGES} messages.", "batch")
        rows = [_read_item(item, shared, now, index) for index, item in enumerate(items)]
        read = [row for row in rows if isinstance(row, Message)]
        folded = self._tracker.track(read, live.campaigns, now)
        self._log(read, folded)
        decisions = iter(folded.decisions)
        results = tuple(
            _result(row, next(decisions), index) if isinstance(row, Message) else row
            for index, row in enumerate(rows)
        )
        return answers.BatchAnswer(results=results, actions=write_actions(folded.actions, now))

    def _actions(self) -> answers.ActionsAnswer | answers.RouteAnswer:
        now = self._clock()
        body = messages.read_object(parse(self._body(MAX_MESSAGE)))
        live = self._authorised(body, now)
        asker = messages.read_asker(body, now)
        intent = body.get("intent")
        if intent == "explicit":
            route = self._tracker.route(asker, now)
            return answers.RouteAnswer(on_approve=route.value if route else None)
        if intent is not None:
            raise InvalidRequest("intent is explicit, or left out.", "intent")
        offer_id = messages.optional_text(body, "offerId", messages.MAX_ID)
        if offer_id is None:
            actions = self._tracker.actions(asker, live.campaigns, now)
        else:
            actions = self._tracker.check_offer(offer_id, asker, live.campaigns, now)
        return answers.ActionsAnswer(actions=write_actions(actions, now))

    # --- the request's parts ---

    def _body(self, limit: int) -> bytes:
        return body_of(self.resolver.current_event.raw_event, limit)

    def _authorised(self, body: Json, now: int) -> Live:
        live = self._live.at(now)
        if live.problem:
            self._logger.error("campaigns_not_refreshed", extra={"cause": live.problem})
        headers = {name.lower(): value for name, value in self._headers().items()}
        check_write_key(headers, body, live.write_keys)
        return live

    def _headers(self) -> dict[str, Any]:
        return dict(self.resolver.current_event.headers)

    def _log(self, read: list[Message], folded: Folded) -> None:
        """One line a message that mattered, none for an ignored one; ids hashed, no values."""
        for message, decision in zip(read, folded.decisions, strict=True):
            if decision is None or decision.reason in _QUIET:
                continue
            self._logger.info(
                "decided",
                extra={
                    "user_key": self._hashed(message.user),
                    "campaigns": [verdict.campaign for verdict in decision.reasons],
                    "reasons": [verdict.reason.word for verdict in decision.reasons],
                },
            )

    def _hashed(self, user: User) -> str:
        return user_key(self._salt, user)


def _read_item(item: msgspec.Raw, shared: Json, now: int, index: int) -> Message | answers.Result:
    message_id = None
    try:
        if len(bytes(item)) > MAX_MESSAGE:
            raise TooLarge(f"A message has at most {MAX_MESSAGE} bytes.")
        body = messages.read_object(parse(bytes(item)))
        message_id = messages.optional_text(body, "messageId", messages.MAX_MESSAGE_ID)
        kind = _KINDS.get(str(body.get("type")))
        if kind is None:
            raise InvalidRequest(f"type must be one of {', '.join(_KINDS)}.", "type")
        return messages.read_message(kind, body, now, shared)
    except WireError as error:
        problem = error.within(f"batch[{index}]").body
        return answers.Result(message_id=message_id, status="rejected", error=problem)


def _result(message: Message, decision: Decision | None, index: int) -> answers.Result:
    refusal = _refusal(decision)
    if refusal is not None:
        problem = refusal.within(f"batch[{index}]").body
        return answers.Result(message_id=message.id, status="rejected", error=problem)
    is_known = decision is not None and decision.reason is Reason.DUPLICATE
    return answers.Result(message_id=message.id, status="duplicate" if is_known else "accepted")


def _refusal(decision: Decision | None) -> WireError | None:
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
    refusal = _refusal(decision)
    if refusal is not None:
        raise refusal
