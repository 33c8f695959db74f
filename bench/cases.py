"""The requests: what a browser and an application send, and attacks in the shape of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from bench import large

#: A name, not an address: CRS rule 920350 counts a numeric Host against the request.
HOST = "shop.example"

#: Of kinds that every rule set for web applications knows.
ATTACKS = (
    "1' UNION ALL SELECT username, password FROM users -- ",
    "<script>alert(document.cookie)</script>",
    "; cat /etc/passwd",
)

BROWSER = {
    "Host": HOST,
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
    "Cookie": "session=8f14e45fceea167a5a36dedd4bea2543; consent=necessary; currency=EUR",
    "Connection": "keep-alive",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire; Content-Length follows from the body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Case:
    """normal: what is measured. attacks: the same with one value replaced. at_once: requests at a time, at
    most, and seconds of load, at least: what is cut off at the end counts as time and not as a request."""

    name: str
    normal: Request
    attacks: tuple[Request, ...]
    at_once: int
    seconds: int


def cases() -> tuple[Case, ...]:
    return (
        _case("GET", _page, "watering can"),
        _case("JSON", _order, "Please leave it with the neighbour."),
        _case("form", _registration, "Sunflower Street 12"),
        _case("multipart", _upload, large.VALUE),
        _case("cookies", _visit, "watering can"),
        _case("JSON 100 KiB", _reviews, large.VALUE, at_once=4, seconds=5),
        _case("text 1 MiB", _manuscript, large.VALUE, at_once=1),
    )


def _case(
    name: str, request: Callable[[str], Request], value: str, at_once: int = 1000, seconds: int = 0
) -> Case:
    return Case(name, request(value), tuple(request(attack) for attack in ATTACKS), at_once, seconds)


def _page(searched: str) -> Request:
    query = urlencode({"category": "garden", "page": "2", "sort": "price", "q": searched})
    accepted = {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Referer": f"http://{HOST}/shop/products?category=garden",
        "Upgrade-Insecure-Requests": "1",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "same-origin",
    }
    return Request("GET", f"/shop/products?{query}", BROWSER | accepted)


def _order(remark: str) -> Request:
    """An order of about 1 KB."""
    goods = [
        ("GR-10442", "Watering can, galvanised, 9 l", 1, 2490, ["garden", "tools"]),
        ("GR-20817", "Tomato seeds, six varieties", 3, 349, ["garden", "seeds", "vegetables"]),
        ("GR-31006", "Pruning shears with wooden handle", 1, 1875, ["garden", "tools"]),
        ("GR-48211", "Potting soil without peat, 20 l", 4, 799, ["garden", "soil"]),
    ]
    order = {
        "orderId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "placedAt": "2024-05-14T09:26:53Z",
        "currency": "EUR",
        "customer": {
            "id": 48213,
            "name": "Marie Keller",
            "email": "marie.keller@mail.example",
            "premium": True,
        },
        "delivery": {
            "street": "Sunflower Street 12",
            "city": "Lucerne",
            "postalCode": "6003",
            "country": "CH",
            "remark": remark,
        },
        "items": [
            {"sku": sku, "title": title, "quantity": quantity, "unitPrice": price, "tags": tags}
            for sku, title, quantity, price, tags in goods
        ],
        "payment": {"kind": "invoice", "dueDays": 30, "discount": None},
    }
    body = json.dumps(order).encode()
    headers = _posted("application/json") | {
        "Accept": "application/json",
        "X-Requested-With": "XMLHttpRequest",
    }
    return Request("POST", "/api/orders", headers, body)


def _registration(street: str) -> Request:
    fields = {
        "firstName": "Marie",
        "lastName": "Keller",
        "email": "marie.keller@mail.example",
        "street": street,
        "postalCode": "6003",
        "city": "Lucerne",
        "country": "CH",
        "phone": "041 555 01 23",
        "newsletter": "weekly",
        "comment": "I would like the catalogue on paper, thank you.",
    }
    headers = _posted("application/x-www-form-urlencoded") | {"Accept": "text/html,*/*;q=0.8"}
    return Request("POST", "/shop/register", headers, urlencode(fields).encode())


def _upload(note: str) -> Request:
    return Request("POST", "/shop/upload", _posted(large.MULTIPART), large.upload(note))


def _visit(searched: str) -> Request:
    page = _page("watering can")
    return Request("GET", page.target, page.headers | {"Cookie": large.cookies(searched)})


def _reviews(title: str) -> Request:
    return Request("POST", "/api/reviews", _posted("application/json"), large.document(title))


def _manuscript(beginning: str) -> Request:
    """On the route whose limits let it through."""
    return Request("POST", "/large/manuscripts", _posted("application/json"), large.text(beginning))


def _posted(media_type: str) -> dict[str, str]:
    return BROWSER | {
        "Content-Type": media_type,
        "Origin": f"http://{HOST}",
        "Referer": f"http://{HOST}/shop/checkout",
    }
