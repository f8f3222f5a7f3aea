"""What the doctor takes of the admin API's answers, by its types: a server may be anybody's."""

import msgspec


class Told(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an answer; what else stands in it is passed over."""


class ToldKey(Told, frozen=True):
    """One of `ToldKeys`."""

    id: str
    use: str
    ends_at: str | None = None


class ToldKeys(Told, frozen=True):
    """`GET /v1/admin/keys`. stage: older code does not tell it."""

    auth: str
    keys: tuple[ToldKey, ...]
    stage: str = ""


class ToldRow(Told, frozen=True):
    """One of `ToldCampaigns`. kind: null where the file cannot be read."""

    id: str
    kind: str | None
    version: int
    status: str


class ToldCampaigns(Told, frozen=True):
    """`GET /v1/admin/campaigns`."""

    revision: int
    paused: bool
    campaigns: tuple[ToldRow, ...]


class ToldSchedule(msgspec.Struct, frozen=True):
    """Of a campaign's file, whose names have no humps."""

    ends_at: str | None


class ToldFile(msgspec.Struct, frozen=True):
    """Of a campaign's file."""

    schedule: ToldSchedule


class ToldCampaign(Told, frozen=True):
    """`GET /v1/admin/campaigns/{id}`."""

    campaign: ToldFile


class ToldCounts(Told, frozen=True):
    """Of an arm, or of what no campaign had to do with."""

    prompted: int
    unasked: int


class ToldReport(Told, frozen=True):
    """`GET /v1/admin/campaigns/{id}/report`."""

    as_of: str
    arms: tuple[ToldCounts, ...]
    app_wide: ToldCounts
