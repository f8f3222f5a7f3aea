"""What is wrong with a campaign file, and where."""


class CampaignError(ValueError):
    """A campaign that cannot be used.

    place: the path within the file, as a tuple of keys and indexes (`("trigger", "any", 0)`).
    problem: one sentence that says what is wrong and how to mend it.
    """

    def __init__(self, place: tuple[str | int, ...], problem: str) -> None:
        super().__init__(f"{spell(place)}: {problem}" if place else problem)
        self.place = place
        self.problem = problem


def spell(place: tuple[str | int, ...]) -> str:
    """`("trigger", "any", 0)` as `trigger.any[0]`."""
    spelled = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return spelled.removeprefix(".")
