"""The pure domain: no clock, no I/O, no AWS, no logging; imports nothing outward."""
