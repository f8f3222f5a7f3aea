"""Plays steps over HTTP, prints each, and compares what is seen with what the recipe says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from rich.console import Console
from rich.text import Text

from cli.demo.phone import Call, Phone
from cli.dev.environment import WRITE_KEY

CAMPAIGN = "push-softask"

_NARROWEST = 20

Expected = Mapping[str, Any]
"""What must be seen after a step, by the names of `_seen`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A step that went otherwise."""

    step: int
    name: str
    expected: Any
    seen: Any

    def __str__(self) -> str:
        return f"{self.name}: the recipe says {self.expected!r}, seen {self.seen!r}"


class Stage:
    """A server, a terminal, and what differed so far."""

    def __init__(self, url: str, console: Console) -> None:
        self._http = httpx.Client(base_url=url, auth=(WRITE_KEY, ""), trust_env=False, timeout=10)
        self._console = console
        self._steps = 0
        self._facts: dict[str, set[str]] = {}
        self._differences: list[Difference] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._http.close()

    # --- the story ---

    def act(self, title: str) -> None:
        """A new part of the story."""
        self._console.print()
        self._console.rule(Text(title, "bold"), align="left")

    def begin_at(self, now: str) -> None:
        """Sets the clock."""
        self._move({"now": now})

    def wait(self, span: str) -> None:
        """Lets time pass."""
        now = self._move({"advance": span})
        self._console.print()
        self._print_hanging("", Text(f"... {span} later: {now}", "bold"))

    def step(self, title: str, phone: Phone, /, *calls: Call, **expected: Any) -> None:
        """The app makes its calls, and then this must be seen."""
        answers = [self._send(call) for call in calls]
        for answer in answers:
            phone.receive(answer)
        sent = [f"POST {call.path} {_json(call.body)}" for call in calls]
        self._compare(title, phone, sent, answers, expected)

    def sweep(self, title: str, phone: Phone, /, **expected: Any) -> None:
        """The schedule runs, and then this must be seen."""
        answer = self._post("/_dev/sweep", {})
        self._compare(title, phone, ["POST /_dev/sweep"], [answer], expected)

    def conclude(self) -> int:
        """Says how it went; 1 where anything differs."""
        self._console.print()
        if not self._differences:
            self._console.print(f"{self._steps} steps, all as the recipe says.", style="green")
            return 0
        steps = sorted({difference.step for difference in self._differences})
        which = ", ".join(map(str, steps))
        self._console.print(
            f"{len(steps)} of {self._steps} steps differ from the recipe: {which}", style="bold red"
        )
        return 1

    # --- over HTTP ---

    def _send(self, call: Call) -> dict[str, Any]:
        return self._post(call.path, call.payload)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._http.post(path, json=body)
        answer: dict[str, Any] = response.json()
        return {"status": response.status_code, **answer}

    def _move(self, move: dict[str, str]) -> str:
        return str(self._post("/_dev/clock", move)["now"])

    def _state(self, user: str) -> dict[str, Any]:
        state: dict[str, Any] = self._http.get("/_dev/profile", params={"userId": user}).json()
        return state

    # --- what is seen, and printed ---

    def _compare(
        self,
        title: str,
        phone: Phone,
        sent: Sequence[str],
        answers: Sequence[dict[str, Any]],
        expected: Expected,
    ) -> None:
        self._steps += 1
        state = self._state(phone.user)
        seen = _seen(phone, answers, state, known_facts=self._facts.get(phone.user, set()))
        self._facts[phone.user] = {fact["id"] for fact in state["facts"]}
        differences = [
            Difference(self._steps, name, wanted, seen[name])
            for name, wanted in {"status": 200, **expected}.items()
            if seen[name] != wanted
        ]
        self._differences.extend(differences)
        self._console.print()
        self._print_hanging(f"{self._steps:>2}  ", Text(title, "bold"))
        for label, text in _rows(sent, answers, seen, differences):
            self._print_hanging(f"{label:>9}  ", text)

    def _print_hanging(self, label: str, text: Text) -> None:
        """The text beside its label, and below it where the terminal is too narrow."""
        width = max(_NARROWEST, self._console.width - len(label))
        for line in text.wrap(self._console, width, overflow="fold"):
            line.rstrip()
            self._console.print(Text(label, "dim"), line, sep="", soft_wrap=True)
            label = " " * len(label)


def _seen(
    phone: Phone, answers: Sequence[dict[str, Any]], state: dict[str, Any], *, known_facts: set[str]
) -> dict[str, Any]:
    """The answer and the state after it, by the names that expectations use."""
    actions = [action for answer in answers for action in answer.get("actions", ())]
    action = actions[0] if actions else {}
    profile = state["profile"] or {}
    progress = profile.get("progress", {}).get(CAMPAIGN, {})
    trait = profile.get("attributes", {}).get("push_permission_status", {})
    device = profile.get("devices", {}).get(phone.device, {}).get("push", {})
    new_facts = [fact for fact in state["facts"] if fact["id"] not in known_facts]
    return {
        "status": max(answer["status"] for answer in answers),
        "action": action.get("type"),
        "attempt": action.get("attempt"),
        "offer": action.get("offerId"),
        "deeplink": action.get("deeplink", "").partition("?")[0] or None,
        "title": action.get("content", {}).get("title"),
        "on_approve": action.get("onApprove"),
        "stored": state["profile"] is not None,
        "permission": device.get("status") or trait.get("value") or "unknown",
        "asks": progress.get("attempts", 0),
        "outcome": progress.get("outcome"),
        "retry_at": progress.get("retryAt"),
        "windows": len(state["windows"]),
        "facts": sorted(fact["kind"] for fact in new_facts),
    }


def _rows(
    sent: Sequence[str],
    answers: Sequence[dict[str, Any]],
    seen: dict[str, Any],
    differences: Sequence[Difference],
) -> Iterator[tuple[str, Text]]:
    for line, answer in zip(sent, answers, strict=True):
        yield "sent", Text(line)
        yield "back", Text(_told(answer), "cyan")
    yield "state", Text(_state_line(seen))
    if seen["facts"]:
        yield "ledger", Text("+ " + ", ".join(seen["facts"]))
    for difference in differences:
        yield "DIFFERS", Text(str(difference), "bold red")
    if not differences:
        yield "ok", Text("as the recipe says", "green")


def _told(answer: dict[str, Any]) -> str:
    if answer["status"] != 200:
        return f"{answer['status']} {answer.get('code', '')} {answer.get('message', '')}"
    if "deleted" in answer:
        return f"200 windows closed: {answer['deleted']}"
    told = [_told_action(action) for action in answer.get("actions", ())]
    return f"200 {'; '.join(told) or 'nothing to show'}"


def _told_action(action: dict[str, Any]) -> str:
    if action["type"] != "open_deeplink":
        return f"{action['type']} ({action['reason']})"
    content = action["content"]
    buttons = " / ".join(f"[{content[name]}]" for name in ("approve", "decline") if name in content)
    return (
        f'open_deeplink, attempt {action["attempt"]}: "{content["title"]}" {buttons}\n'
        f"    {action['deeplink']}"
    )


def _state_line(seen: dict[str, Any]) -> str:
    if not seen["stored"]:
        return "nothing is stored"
    asked = {0: "never asked", 1: "asked once", 2: "asked twice"}
    asks = seen["asks"]
    parts = [f"permission {seen['permission']}", asked.get(asks, f"asked {asks} times")]
    if seen["outcome"]:
        parts.append(f"last outcome {seen['outcome']}")
    if seen["retry_at"]:
        over = "" if seen["windows"] else " (over)"
        parts.append(f"retry window until {seen['retry_at']}{over}")
    return ", ".join(parts)


def _json(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
