"""What a deeplink may be, and how it carries an offer.

Links are checked when a campaign is published and again when they are served: the settings may
have changed in between.
"""

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from functions.core.campaign import Deeplinks
from functions.core.errors import CampaignError
from functions.core.model import Offer

_NEVER = frozenset({"about", "blob", "content", "data", "file", "intent", "javascript", "vbscript"})
"""Schemes that run code or read the device."""

_WEB = frozenset({"http", "https"})

_OFFER, _ATTEMPT = "offerId", "attempt"


def check_deeplink(link: str, allowed: Deeplinks, place: tuple[str | int, ...]) -> None:
    """Raises `CampaignError` where the link could lead elsewhere than into the app."""
    problem = _problem(link, allowed)
    if problem:
        raise CampaignError(place, problem)


def is_allowed(link: str, allowed: Deeplinks) -> bool:
    """Whether the link may still be served."""
    return not _problem(link, allowed)


def with_offer(link: str, offer: Offer) -> str:
    """The offer's id and attempt in the query; never the user's id: any app may claim a scheme."""
    parts = urlsplit(link)
    added = urlencode({_OFFER: offer.id, _ATTEMPT: offer.attempt})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _problem(link: str, allowed: Deeplinks) -> str:
    if not link.isprintable() or " " in link:
        return "remove the white space or control characters"
    parts = _split(link)
    if parts is None:
        return "write it as scheme://host/path"
    return _scheme_problem(parts, allowed) or _host_problem(parts, allowed) or _query_problem(parts)


def _split(link: str) -> SplitResult | None:
    try:
        return urlsplit(link)
    except ValueError:
        return None


def _scheme_problem(parts: SplitResult, allowed: Deeplinks) -> str:
    if parts.scheme in _NEVER:
        return f"scheme {parts.scheme!r} is never allowed; use the app's own, or https"
    if parts.scheme in _lower(allowed.schemes):
        return ""
    return (
        f"scheme {parts.scheme!r} is not allowed; use one of {', '.join(allowed.schemes)}, "
        "or add it to deeplinks.schemes in settings.yaml"
    )


def _host_problem(parts: SplitResult, allowed: Deeplinks) -> str:
    if "@" in parts.netloc or not parts.hostname:
        return "write it as scheme://host/path, without user info"
    if parts.scheme not in _WEB:
        return ""
    if ":" in parts.netloc:
        return "write the host by its name, without a port"
    if parts.netloc.lower() in _lower(allowed.hosts):
        return ""
    return (
        f"host {parts.netloc!r} is not allowed; "
        f"add it to deeplinks.hosts in settings.yaml (there now: {', '.join(allowed.hosts) or '-'})"
    )


def _query_problem(parts: SplitResult) -> str:
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    taken = _OFFER in names or _ATTEMPT in names
    return f"leave out {_OFFER} and {_ATTEMPT}: the answer adds them" if taken else ""


def _lower(words: tuple[str, ...]) -> set[str]:
    return {word.lower() for word in words}
