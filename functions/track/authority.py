"""Who may speak for whom. The key says which app calls, or that its own servers do; of the app,
a token says which user.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from functions.core.model import Message, User
from functions.environment import Auth
from functions.store.access import AccessKey, Keys, KeyUse
from functions.wire.calls import MessageKind
from functions.wire.errors import Forbidden, TooLarge, Unauthorized, WireError
from functions.wire.tokens import (
    DEVICE_LIFETIME,
    DEVICE_TOKEN,
    TOKEN,
    USER_LIFETIME,
    Given,
    TokenKey,
    Verifier,
    audience,
)
from functions.wire.write_keys import matching, unknown_key

MOST_TOKENS = 20
"""Different ones in a batch: each costs a tenth of a millisecond."""

CALLERS = (KeyUse.WRITE, KeyUse.SERVER)

_OTHERS = (
    "The token is not this user's: its sub must be the message's userId, an install's the"
    " anonymous id."
)
_NO_DEVICE = "Send context.softask.deviceToken: it proves the anonymous id that becomes the user's."
_NOT_MERGED = "The anonymous id was not merged. {}"
_OR_NEW = "leave out anonymousId for a new one."

Proven = User | WireError
"""Whom a token speaks for, or why it speaks for nobody."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, the call that it came as, and the tokens that it brings."""

    kind: MessageKind
    message: Message
    given: Given


@dataclass(frozen=True, slots=True)
class Judged:
    """A message as it may be taken, and what its tokens do not prove.

    refusal: why it may not be taken. unmerged: why it is taken without its merge. Of a stage that
    observes, what these would be.
    """

    message: Message
    refusal: WireError | None = None
    unmerged: WireError | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the sender is told of a message that is taken."""
        return () if self.unmerged is None else (_NOT_MERGED.format(self.unmerged.message),)

    def let_through(self) -> "Judged":
        """As the message is taken where tokens are not enforced."""
        return Judged(self.message)


def caller(key: str, keys: Keys, now: int, uses: Collection[KeyUse] = CALLERS) -> KeyUse:
    """What the key is for; raises `Unauthorized` unless it is one of those, and holds."""
    holding = [each for each in keys.values() if each.use in uses and each.holds(now)]
    place = matching(key, [each.sha256 for each in holding])
    if place is None:
        raise unknown_key()
    return holding[place].use


def token_keys(keys: Keys, stage: str, now: int) -> dict[str, TokenKey]:
    """The keys that verify tokens at `now`, each with the namespace that it speaks for."""
    return {
        id_: _token_key(key, stage)
        for id_, key in keys.items()
        if key.use not in CALLERS and key.holds(now)
    }


def _token_key(key: AccessKey, stage: str) -> TokenKey:
    if key.use is KeyUse.USER:
        return TokenKey(kind="user", public=key.public, issuer=key.issuer, longest=USER_LIFETIME)
    return TokenKey(
        kind="anonymous", public=key.public, issuer=audience(stage), longest=DEVICE_LIFETIME
    )


def why_not(user: User, proven: Proven, place: str = TOKEN) -> WireError | None:
    """Why whoever proves that may not act for the user. It never depends on what is stored."""
    if isinstance(proven, WireError):
        return type(proven)(proven.message, place)
    return None if proven == user else Forbidden(_OTHERS, place)


def judge_message(
    kind: MessageKind, message: Message, token: Proven, device: Proven | None
) -> Judged:
    """By what the message's tokens prove; `device` is None where it brings no device token.

    To merge an anonymous id both must be proven. An alias does nothing else; an identify that
    lacks that proof is taken without the merge, as Segment's SDKs name their anonymous id in
    each.
    """
    problem = why_not(message.user, token)
    if problem is not None:
        return Judged(message, problem)
    proven = replace(message, verified=True)
    if not message.merges:
        return Judged(proven)
    problem = _why_not_merged(message.merges, device)
    if problem is None:
        return Judged(proven)
    if kind == "alias":
        return Judged(message, problem)
    return Judged(replace(proven, merges=""), unmerged=problem)


def _why_not_merged(anonymous_id: str, device: Proven | None) -> WireError | None:
    if device is None:
        return Forbidden(_NO_DEVICE, DEVICE_TOKEN)
    return why_not(User("anonymous", anonymous_id), device, DEVICE_TOKEN)


def _or_new(problem: WireError) -> WireError:
    """The refusal of an install's own id, and the other way. A cause ends at its first colon."""
    said = problem.message.rstrip(".")
    joint = "; or" if ":" in said else ": get its token anew, or"
    return type(problem)(f"{said}{joint} {_OR_NEW}", problem.field)


class Authority:
    """The stage's rule, and the tokens that it verified lately."""

    def __init__(self, stage: str, mode: Auth) -> None:
        self._stage = stage
        self._mode = mode
        self._verifier = Verifier(audience(stage))

    @property
    def enforces(self) -> bool:
        """Whether a refusal holds; else it is only told."""
        return self._mode == "enforce"

    def judge(self, sent: Sequence[Sent], by: KeyUse, keys: Keys, now: int) -> list[Judged]:
        """The messages of one call, in their order; raises `TooLarge` beyond 20 tokens."""
        if by is KeyUse.SERVER:
            return [Judged(replace(each.message, verified=True, by_server=True)) for each in sent]
        if self._mode == "off":
            return [Judged(each.message) for each in sent]
        different = {token for each in sent for token in (each.given.token, each.given.device)}
        if len(different - {None}) > MOST_TOKENS:
            too_many = TooLarge(f"A batch has at most {MOST_TOKENS} different tokens.", "batch")
            if self.enforces:
                raise too_many
            return [Judged(each.message, too_many) for each in sent]
        trusted = token_keys(keys, self._stage, now)
        proven = {token: self._proven(token, trusted, now) for token in different}
        return [self._judge_one(each, proven) for each in sent]

    def judge_install(
        self, user: User, given: Given, by: KeyUse, keys: Keys, now: int
    ) -> WireError | None:
        """Why the anonymous id gets no token. Until tokens are enforced each gets its own, so
        that installs have theirs when they are."""
        if by is KeyUse.SERVER or not self.enforces:
            return None
        proven = self._proven(given.token, token_keys(keys, self._stage, now), now)
        problem = why_not(user, proven)
        return None if problem is None else _or_new(problem)

    def _judge_one(self, sent: Sent, proven: Mapping[str | None, Proven]) -> Judged:
        token, device = sent.given.token, sent.given.device
        merging = None if device is None else proven[device]
        judged = judge_message(sent.kind, sent.message, proven[token], merging)
        if self.enforces:
            return judged
        # An install gets a token for any id, and merges are let through: nothing is proven yet.
        return Judged(sent.message, judged.refusal, judged.unmerged)

    def _proven(self, token: object, trusted: Mapping[str, TokenKey], now: int) -> Proven:
        try:
            return self._verifier.verify(token, trusted, now)
        except Unauthorized as error:
            return error
