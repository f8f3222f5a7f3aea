"""Sends calls through segment-analytics-python, configured as its documentation says."""

from segment import analytics  # type: ignore[import-not-found]  # the SDK's environment

from tests.sdks.senders.script import send

send(analytics, "segment", "host")
