"""Forms that honest clients never send; each is refused at once, naming the part."""

from collections.abc import Iterator
from typing import Annotated

import pytest
from litestar import Litestar, post
from litestar.datastructures import UploadFile
from litestar.params import FromQuery, JSONBody, MultipartBody
from litestar.testing import TestClient
from msgspec import Meta, Struct

from services.kit import failures, forms

HEADERS = {"content-type": "multipart/form-data; boundary=x"}


class Form(Struct):
    a: str
    b: str = ""


class Place(Struct):
    city: str


class Night(Struct):
    title: Annotated[str, Meta(max_length=3)]
    place: Place | None = None
    tags: list[str] = []


class Upload(Struct):
    file: UploadFile


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    @post("/", status_code=200, sync_to_thread=False)
    def take(data: MultipartBody[Form]) -> str:
        return f"{data.a}|{data.b}"

    @post("/json", status_code=200, sync_to_thread=False)
    def take_json(data: JSONBody[Night], page: FromQuery[int] = 1) -> str:
        return f"{data.title}|{page}"

    @post("/file", status_code=200)
    async def take_file(data: MultipartBody[Upload]) -> str:
        return (await data.file.read()).decode()

    app = Litestar(
        [take, take_json, take_file],
        before_request=forms.read_ahead,
        exception_handlers={Exception: failures.answer(failures.plain_text)},
        openapi_config=None,
    )
    with TestClient(app) as made:
        yield made


def part(name: str, value: bytes, *, charset: str = "", file: str = "") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{file}"' if file else ""
    head += f"\r\nContent-Type: text/plain; charset={charset}" if charset else ""
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--x--\r\n"


@pytest.mark.parametrize("charset", ["", "utf-8", "UTF-8"])
def test_an_honest_form_is_read(client: TestClient[Litestar], charset: str) -> None:
    body = part("a", "è 🎉".encode(), charset=charset) + part("b", b"2") + END
    answer = client.post("/", content=body, headers=HEADERS)
    assert (answer.status_code, answer.text) == (200, "è 🎉|2")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (part("a", b"x", charset="punycode") + END, "a: expected UTF-8 text"),
        (part("a", b"x" * 900_000, charset="idna") + END, "a: expected UTF-8 text"),
        (part("a", b"x", charset="undefined") + END, "a: expected UTF-8 text"),
        (part("a", b"x", charset="no-such") + END, "a: expected UTF-8 text"),
        (part("a", b"\x89PNG") + END, "a: expected UTF-8 text"),
        (part("a", b"x") * 2 + END, "a: expected once"),
        (part("a", b"x", file="y" * 256) + END, "a: a file name"),
        (b"".join(part(f"p{n}", b"x") for n in range(20)) + END, "at most 16 parts"),
        (part("a", b"x"), "expected a multipart form"),
        (b"--y--", "expected a multipart form"),
    ],
    ids=range(10),
)
def test_a_strange_form_is_refused_in_words(
    client: TestClient[Litestar], body: bytes, words: str
) -> None:
    answer = client.post("/", content=body, headers=HEADERS)
    assert answer.status_code == 400
    assert words in answer.text


def test_a_text_has_a_limit(client: TestClient[Litestar]) -> None:
    body = part("a", b"x" * (forms.LONGEST_TEXT + 1)) + END
    assert client.post("/", content=body, headers=HEADERS).status_code == 413


def test_a_form_where_json_belongs_is_refused(client: TestClient[Litestar]) -> None:
    answer = client.post("/json", content=part("a", b"x") + END, headers=HEADERS)
    assert answer.status_code == 400


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "x"])
def test_what_is_no_form_is_refused(client: TestClient[Litestar], content_type: str) -> None:
    headers = {"content-type": content_type}
    assert client.post("/", content=b"{}", headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("body", "query", "words"),
    [
        ('{"title": 3}', "", "title: expected `str`, got `int`"),
        ('{"title": "long"}', "", "title: expected `str` of length <= 3"),
        ("{}", "", "title: is required"),
        ('{"title": "a", "place": {}}', "", "place.city: is required"),
        ('{"title": "a", "tags": [1]}', "", "tags[0]: expected `str`, got `int`"),
        (
            '{"title": 3}',
            "?page=x",
            "title: expected `str`, got `int`; page: expected `int`, got `str`",
        ),
        ("[]", "", "body: expected `object`, got `array`"),
        ("", "", "body: is required"),
        ('{"title', "", "body: expected JSON: Input data was truncated"),
    ],
)
def test_what_is_refused_names_its_field_and_what_was_expected(
    client: TestClient[Litestar], body: str, query: str, words: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post(f"/json{query}", content=body, headers=headers)
    assert (answer.status_code, answer.text) == (400, words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "file: is required"),
        (END, "file: is required"),
        (part("file", b"a text") + END, "file: expected a file"),
    ],
)
def test_a_file_that_is_needed_is_asked_for_by_name(
    client: TestClient[Litestar], body: bytes, words: str
) -> None:
    answer = client.post("/file", content=body, headers=HEADERS)
    assert (answer.status_code, answer.text) == (400, words)
