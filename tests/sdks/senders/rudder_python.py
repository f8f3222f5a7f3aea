"""Sends calls through rudder-sdk-python, configured as its documentation says."""

from rudderstack import analytics  # type: ignore[import-not-found]  # its environment

from tests.sdks.senders.script import make, reported

with reported("rudderstack") as (script, report):
    analytics.write_key = script["writeKey"]
    analytics.dataPlaneUrl = script["host"]
    analytics.on_error = report.on_error
    for name, value in script["options"].items():
        setattr(analytics, name, value)
    for call in script["calls"]:
        make(analytics, call)
    analytics.flush()
