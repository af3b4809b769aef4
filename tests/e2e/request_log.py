"""What the simulator's request log tells."""

import calendar
import time
from collections import Counter, defaultdict
from datetime import datetime
from urllib.parse import parse_qs, urlsplit


def lists_of(requests, module):
    return [r for r in requests if r["kind"] == "list:" + module]


def fields_asked(request):
    return parse_qs(urlsplit(request["target"]).query).get("fields", [""])[0]


def slices_of(requests, module):
    """The requests of each slice of the fields, in the order in which the slices were first asked for."""
    slices = defaultdict(list)
    for request in lists_of(requests, module):
        slices[fields_asked(request)].append(request)
    return list(slices.values())


def since_of(request):
    """If-Modified-Since in seconds since 1970, None without it."""
    text = request["if_modified_since"]
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return calendar.timegm(time.strptime(text, "%a, %d %b %Y %H:%M:%S GMT"))


def counts(requests):
    """Requests by kind, without the module's name."""
    return Counter(r["kind"].split(":")[0] for r in requests)


def most_in_flight(requests):
    return max((r["in_flight"] for r in requests), default=0)


def most_arrivals(requests, window=950_000):
    """The most requests that arrived in any `window` microseconds."""
    times = sorted(r["monotonic_us"] for r in requests)
    most, first = 0, 0
    for last, arrived in enumerate(times):
        while arrived - times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most
