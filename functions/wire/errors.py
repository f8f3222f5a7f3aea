"""What a client did wrong, as an answer: every 4xx has a code, a message and, if known, a field."""

import msgspec


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON of every error. `field` is the place within the body (`batch[3].event`)."""

    code: str
    message: str
    field: str | None = None


class WireError(Exception):
    """An answer other than 200."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    @property
    def body(self) -> ErrorBody:
        """The error as it is answered."""
        return ErrorBody(code=self.code, message=self.message, field=self.field)

    def within(self, place: str) -> "WireError":
        """The same error, of a part that stands at `place`."""
        inner = self.field if self.field not in (None, "body") else None
        field = f"{place}.{inner}" if inner else place
        return type(self)(self.message, field)


class InvalidRequest(WireError):
    """The body cannot be understood."""


class Unauthorized(WireError):
    """The write key is missing or of another app; or the token is missing, or proves nothing."""

    status = 401
    code = "unauthorized"


class Forbidden(WireError):
    """The token is valid, and proves to be somebody else."""

    status = 403
    code = "forbidden"


class NoSuchRoute(WireError):
    """Nothing is answered there."""

    status = 404
    code = "not_found"


class MessageIdReused(WireError):
    """A known message id with other content."""

    status = 409
    code = "message_id_reused"


class TooLarge(WireError):
    """A limit is reached; nothing was stored."""

    status = 413
    code = "too_large"


class TryAgain(WireError):
    """A passing fault: the same call may be sent again, and is counted once."""

    status = 503
    code = "try_again"
