"""The requests that wait for a connection, the most urgent first, in their order."""

import heapq
from itertools import count
from typing import Any

from bridge.model.failures import UpstreamError
from bridge.upstream.request import Request
from bridge.upstream.urgency import Urgency


class WaitingLine:
    """A priority queue that forgets abandoned requests."""

    def __init__(self) -> None:
        self._heap: list[tuple[Urgency, int, Request[Any]]] = []
        self._turn = count()

    def __len__(self) -> int:
        return sum(not (request.abandoned or request.settled) for _, _, request in self._heap)

    def put(self, request: "Request[Any]") -> None:
        """Add a request at the end of its urgency."""
        heapq.heappush(self._heap, (request.urgency, next(self._turn), request))

    def first(self) -> "Request[Any] | None":
        """Give the next request and leave it in the line."""
        while self._heap and (self._heap[0][2].abandoned or self._heap[0][2].settled):
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def take(self) -> "Request[Any] | None":
        """Give the next request and remove it."""
        request = self.first()
        if request is not None:
            heapq.heappop(self._heap)
        return request

    def fail(self, failure: UpstreamError) -> None:
        """End all of them."""
        while (request := self.take()) is not None:
            request.fail(failure)
