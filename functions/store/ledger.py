"""Ledger: facts, each exactly once under its user's key and its own id."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from functions.core.model import Fact
from functions.store import connection


class FactItem(Model):
    """`at`: milliseconds since the epoch. Empty fields are left out."""

    class Meta(connection.Connection):
        table_name = connection.ENVIRONMENT.ledger_table

    user_key = UnicodeAttribute(hash_key=True)
    fact_id = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    at = NumberAttribute()
    campaign = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    attempt = NumberAttribute(null=True)
    arm = UnicodeAttribute(null=True)
    platform = UnicodeAttribute(null=True)
    offer_id = UnicodeAttribute(null=True)


def record(user_key: str, fact: Fact) -> bool:
    """Writes the fact unless it is there; True if this call wrote it."""
    item = FactItem(
        user_key,
        fact.id,
        kind=fact.kind.value,
        at=fact.at,
        campaign=fact.campaign or None,
        version=fact.version if fact.campaign else None,
        attempt=fact.attempt or None,
        arm=fact.arm or None,
        platform=fact.platform or None,
        offer_id=fact.offer_id or None,
    )
    is_new = FactItem.fact_id.does_not_exist()
    try:
        with connection.translated_errors():
            item.save(condition=is_new)
    except connection.ConditionFailed:
        return False
    return True
