"""A phone's clock, and what the times that it tells are worth by the server's."""

import msgspec


class PhoneClock(msgspec.Struct, frozen=True):
    """What a phone's clock said when it sent, against the server's when the message arrived.

    `ahead`: by how much the phone is ahead; None where no `sentAt` tells, and then no time that
    the phone names can be told from a wrong one.
    """

    now: int
    ahead: int | None

    def correct(self, at: int) -> int:
        """A time by the phone's clock, by the server's; never before 1970."""
        return max(0, at - (self.ahead or 0))

    def happened(self, at: int | None) -> int:
        """When a message happened: now, unless its time and `sentAt` say that it was earlier."""
        if at is None or self.ahead is None:
            return self.now
        return min(self.correct(at), self.now)
