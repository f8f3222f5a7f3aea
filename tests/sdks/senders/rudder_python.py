"""Sends calls through rudder-sdk-python, configured as its documentation says."""

from rudderstack import analytics  # type: ignore[import-not-found]  # its environment

from tests.sdks.senders.script import send

send(analytics, "rudderstack", "dataPlaneUrl")
