"""Sends calls through segment-analytics-python, configured as its documentation says."""

from segment import analytics  # type: ignore[import-not-found]  # the SDK's environment

from tests.sdks.senders.script import make, reported

with reported("segment") as (script, report):
    analytics.write_key = script["writeKey"]
    analytics.host = script["host"]
    analytics.on_error = report.on_error
    for name, value in script["options"].items():
        setattr(analytics, name, value)
    for call in script["calls"]:
        make(analytics, call)
    analytics.flush()
