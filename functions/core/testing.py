"""What test users may do that others may not."""

from msgspec.structs import replace

from functions.core.compiled import Campaigns
from functions.core.model import Profile, Progress


def skip_waits(profile: Profile, campaign_id: str, campaigns: Campaigns) -> Profile:
    """The test user's next ask waits for nothing; after the last attempt, the first comes again.

    Then the decline that the app told of is forgotten too: it would stand for the first attempt.
    Raises `KeyError` for a campaign that is not there.
    """
    campaign = campaigns.seen_by(profile.user).by_id[campaign_id]
    progress = profile.progress.get(campaign_id) or Progress()
    if campaign.attempt(progress.spent + 1) is None:
        progress = Progress(granted=progress.granted)
        profile = replace(profile, declined_at=None)
    marked = replace(progress, skip_waits=True)
    return replace(profile, progress={**profile.progress, campaign_id: marked})
