"""A run: records in batches, several on their way at once, taken note of in the file's order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import Any

from msgspec.structs import replace

from cli.moving_in.columns import Columns
from cli.moving_in.files import Record
from cli.moving_in.rows import Json, RowRefused, is_a_phones, read_row
from cli.moving_in.state import RefusedFile, State
from cli.remote import Refused
from functions.core.model import PushStatus
from functions.core.moments import format_time

PATH = "/v1/admin/users/import"
BATCH = 200
IN_FLIGHT = 4
_TRIES = 6
_FIRST_PAUSE = 0.5

Post = Callable[[str, Json], Json]

_Refusal = tuple[int, str, str, tuple[str, ...]]


@dataclass(slots=True)
class Batch:
    """Some records in the file's order: the rows to send, and what is known of the others."""

    records: int = 0
    silent: int = 0
    elsewhere: int = 0
    rows: list[Json] = field(default_factory=list)
    sources: list[Record] = field(default_factory=list)
    refused: list[_Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reader:
    """How records become rows. now: no date may lie much ahead of it."""

    columns: Columns
    words: Mapping[str, PushStatus]
    now: int

    def batches(self, records: Iterator[Record]) -> Iterator[Batch]:
        """All records, `BATCH` in each."""
        while some := list(islice(records, BATCH)):
            yield self._batch(some)

    def _batch(self, records: Iterable[Record]) -> Batch:
        batch = Batch()
        for record in records:
            batch.records += 1
            self._add(batch, record)
        return batch

    def _add(self, batch: Batch, record: Record) -> None:
        if record.problem:
            batch.refused.append((record.line, "", record.problem, record.raw))
            return
        if not is_a_phones(record.cells, self.columns):
            batch.elsewhere += 1
            return
        try:
            row = read_row(record.cells, self.columns, self.words, self.now)
        except RowRefused as error:
            batch.refused.append(self.refusal(record, error.field, error.problem))
            return
        if row:
            batch.rows.append(row)
            batch.sources.append(record)
        else:
            batch.silent += 1

    def refusal(self, record: Record, said_of: str, problem: str) -> _Refusal:
        """A line of the table, with the column as the file calls it."""
        return record.line, self.columns.column_of(said_of), problem, record.raw


class Sender:
    """Sends bodies, and again when the server asks for patience. Used by several threads."""

    def __init__(self, post: Post, pause: Callable[[float], Any] | None = None) -> None:
        self._post = post
        self._stopping = Event()
        self._pause = pause or self._stopping.wait

    def stop(self) -> None:
        """Waits no more: what was not answered fails."""
        self._stopping.set()

    def send(self, body: Json) -> Json:
        """The answer; raises `RemoteError`."""
        for attempt in range(_TRIES - 1):
            try:
                return self._post(PATH, body)
            except Refused as error:
                if error.retry_after is None or self._stopping.is_set():
                    raise
                self._pause(max(error.retry_after, _FIRST_PAUSE * 2**attempt))
        return self._post(PATH, body)


@dataclass(frozen=True, slots=True)
class Run:
    """save(state): after each batch that was answered, in the file's order."""

    reader: Reader
    sender: Sender
    refused: RefusedFile
    save: Callable[[State], None]

    def go(self, records: Iterator[Record], state: State) -> State:
        """From the state on to the end of the file; raises `RemoteError` where that fails."""
        rest = islice(records, state.counts.records, None)
        workers = ThreadPoolExecutor(IN_FLIGHT)
        try:
            waiting: deque[tuple[Batch, Future[Json] | None]] = deque()
            for batch in self.reader.batches(rest):
                waiting.append((batch, self._submit(workers, batch, state)))
                if len(waiting) >= IN_FLIGHT:
                    state = self._note(state, *waiting.popleft())
            while waiting:
                state = self._note(state, *waiting.popleft())
        finally:
            self.sender.stop()
            workers.shutdown(cancel_futures=True)
        return state

    def _submit(
        self, workers: ThreadPoolExecutor, batch: Batch, state: State
    ) -> Future[Json] | None:
        if not batch.rows:
            return None
        body = {"users": batch.rows, "asOf": format_time(state.settings.as_of)}
        return workers.submit(self.sender.send, body)

    def _note(self, state: State, batch: Batch, answer: Future[Json] | None) -> State:
        results = answer.result()["results"] if answer else []
        refused = [*batch.refused, *self._refusals(batch, results)]
        statuses = [result["status"] for result in results]
        state = replace(
            state,
            counts=state.counts.plus(
                records=batch.records,
                silent=batch.silent,
                elsewhere=batch.elsewhere,
                imported=statuses.count("imported"),
                unchanged=statuses.count("unchanged"),
                refused=len(refused),
            ),
            refused_bytes=self.refused.add(sorted(refused)),
        )
        self.save(state)
        return state

    def _refusals(self, batch: Batch, results: list[Json]) -> Iterator[_Refusal]:
        for result in results:
            if result["status"] == "rejected":
                error = result["error"]
                _, _, said_of = error.get("field", "").partition("].")
                source = batch.sources[result["row"]]
                yield self.reader.refusal(source, said_of, error["message"])
