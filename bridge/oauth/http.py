"""One HTTP request to an authorization server, bounded in time and octets."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2
import trio

from bridge.model.failures import UpstreamBroken, UpstreamError, UpstreamUnavailable
from bridge.model.urls import url_host, url_problem
from bridge.net import NetError, client_context
from bridge.net.reasons import why_no_answer

LARGEST = 64 * 1024
"""Octets of an answer: a token of Microsoft's is about 3 KB, and a document of metadata 2 to 10."""

LONGEST_PAUSE = 3600.0
"""Seconds: a server that wants to be left alone for longer is asked again after an hour all the same."""

_SECONDS = re.compile(r"[0-9]{1,9}")


class Answer(NamedTuple):
    """What a server answered. `retry_after` is in seconds, 0 where it does not say (RFC 9110 §10.2.3)."""

    status: int
    content_type: str
    body: bytes
    retry_after: float


class Http:
    """Speaks to one account's authorization server. `host` in sentences is the one that a URL names.

    A request ends within `timeout` seconds. Redirects are not followed: secrets go where the configuration says.
    Proxies of the environment are not used. Raises `UpstreamUnavailable` when there is no answer, `UpstreamBroken` when
    there is one that cannot be trusted or is too large; never shows what was sent.
    """

    def __init__(self, account: str, ca_file: str, timeout: float) -> None:
        self._account = account
        self._ca_file = ca_file
        self._timeout = timeout

    async def post(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a form and give the answer, whatever its status."""
        return await self._ask("POST", url, fields, headers)

    async def get(self, url: str) -> Answer:
        """Give what is there, whatever the answer's status."""
        return await self._ask("GET", url, None, {})

    async def _ask(self, method: str, url: str, fields: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        if problem := url_problem(url):
            raise UpstreamBroken(self._account, f"account {self._account}: the authorization server's URL {problem}")
        try:
            with trio.fail_after(self._timeout):
                return await self._exchange(method, url, fields, headers)
        except (trio.TooSlowError, httpx2.TimeoutException) as failure:
            raise self.unavailable(url, f"did not answer within {self._timeout:g} s") from failure
        except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
            raise self._failed(url, failure) from failure

    async def _exchange(
        self, method: str, url: str, fields: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            context = client_context(self._ca_file)
        except NetError as failure:
            raise UpstreamBroken(self._account, f"account {self._account}: {failure}") from failure
        # No compression: what is bounded is what arrives.
        asked = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "popbridge", **headers}
        async with (
            httpx2.AsyncClient(verify=context, trust_env=False, timeout=self._timeout) as client,
            client.stream(method, url, data=fields, headers=asked, follow_redirects=False) as response,
        ):
            body = await self._body(url, response)
            return Answer(
                response.status_code,
                response.headers.get("content-type", ""),
                body,
                _pause(response.headers.get("retry-after", ""), response.headers.get("date", "")),
            )

    async def _body(self, url: str, response: httpx2.Response) -> bytes:
        body = b""
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    await response.aclose()  # reading on then fails, which is how the generators within are ended
        except httpx2.ReadError:
            if len(body) <= LARGEST:
                raise
        if len(body) > LARGEST:
            raise self.broken(url, f"sends more than {LARGEST} octets: that is no answer")
        return body

    def _failed(self, url: str, failure: httpx2.HTTPError | httpx2.InvalidURL) -> UpstreamError:
        trusted, why = why_no_answer(failure)
        if not trusted:
            return self.broken(url, f"cannot be trusted: {why}")
        if isinstance(failure, httpx2.ProtocolError | httpx2.DecodingError | httpx2.InvalidURL):
            return self.broken(url, "does not answer as HTTP servers do")
        return self.unavailable(url, f"cannot be reached: {why}")

    def unavailable(self, url: str, what: str, pause: float = 0.0) -> UpstreamUnavailable:
        """Make the failure of a server that may do better later."""
        return UpstreamUnavailable(self._account, self.sentence(url, what), pause)

    def broken(self, url: str, what: str) -> UpstreamBroken:
        """Make the failure of a server that is none, or none to trust."""
        return UpstreamBroken(self._account, self.sentence(url, what))

    def sentence(self, url: str, what: str) -> str:
        """Begin a sentence about the server."""
        return f"account {self._account}: the authorization server {url_host(url)} {what}"


def _pause(given: str, date: str) -> float:
    """Read Retry-After: seconds, or a date, which counts from the answer's own."""
    if _SECONDS.fullmatch(given):
        return min(float(given), LONGEST_PAUSE)
    try:
        seconds = (parsedate_to_datetime(given) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_PAUSE)
