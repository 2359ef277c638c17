import json
from html.parser import HTMLParser

import pytest

from services import catalogue
from services.kit import docs

VOID = {"meta", "th", "td", "br", "link", "li", "p", "html", "head", "body", "tr"}


class Page(HTMLParser):
    """Collects ids, links and text, and notes tags that are closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.add(given.get("id") or "")
        self.links.add(given.get("href") or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("service", catalogue.CONTEXTS)
def test_the_page_shows_every_operation_and_runs_nothing(service: str) -> None:
    document = json.loads(catalogue.openapi(service))
    html = docs.page(document, f"http://{service}.localhost:8080")
    page = Page()
    page.feed(html)
    assert page.wrong == []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert path in page.text
            assert operation["summary"] in page.text
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= page.ids
    assert len(anchors) == sum(map(len, document["paths"].values()))
    assert "<script" not in html
    assert not any(link.startswith("http") for link in page.links)


def test_what_a_document_says_is_text_never_markup() -> None:
    operation = {"summary": "<b>x</b>", "responses": {"200": {"description": "<i>"}}}
    document = {
        "info": {"title": "<script>", "version": "1"},
        "paths": {"/": {"get": operation}},
    }
    html = docs.page(document, "http://x")
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<i>" not in html


def test_an_example_sends_what_is_needed() -> None:
    html = docs.page(json.loads(catalogue.openapi("users")), "http://users.x")
    assert "curl -X POST &#x27;http://users.x/login&#x27;" in html
    assert "&quot;username&quot;: &quot;...&quot;" in html
    assert "avatar=@picture.jpg" in html
