"""What the browser itself refuses, and what the server refuses to a browser."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ATTEMPTS = """async () => {
    const refused = [];
    document.addEventListener(
        "securitypolicyviolation", event => refused.push(event.effectiveDirective)
    );
    const add = (tag, values) =>
        document.body.append(Object.assign(document.createElement(tag), values));
    add("script", { textContent: "window.ran = true" });
    add("style", { textContent: "body { display: none }" });
    add("script", { src: "http://elsewhere.invalid/script.js" });
    add("img", { src: "http://elsewhere.invalid/picture.png" });
    document.body.setAttribute("style", "display: none");
    try { await fetch("http://elsewhere.invalid/"); } catch { /* as it must be */ }
    await new Promise(done => setTimeout(done, 300));
    return [Boolean(window.ran), getComputedStyle(document.body).display, refused];
}"""


@pytest.fixture
def elsewhere():
    """A function that serves a page of another site: its address."""
    servers = []

    def serve(html):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(html.encode())

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_nothing_foreign_or_inline_runs_in_the_page(small_studio, open_page):
    page = open_page(small_studio)
    ran, display, refused = page.evaluate(ATTEMPTS)
    assert not ran
    assert display == "grid"
    assert {"connect-src", "img-src", "script-src-elem", "style-src-elem"} <= set(refused)
    page.problems.clear()  # the refusals


@pytest.mark.slow
def test_the_page_itself_needs_nothing_that_is_refused(small_studio, open_page):
    page = open_page(small_studio)  # whatever the policy refuses is a problem of `open_page`
    for tab in ("check", "export", "track"):
        page.locator(f"#tab-{tab}").click()
    page.keyboard.press("?")
    page.locator("#sheet").wait_for()
    hosts = page.evaluate(
        "performance.getEntriesByType('resource').map(one => new URL(one.name).origin)"
    )
    assert set(hosts) == {small_studio.address.rstrip("/")}


@pytest.mark.slow
def test_the_link_works_once_and_without_it_nothing_is_shown(small_studio, open_page, chromium):
    open_page(small_studio)
    stranger = chromium.new_context().new_page()
    assert stranger.goto(small_studio.link).status == 401
    assert stranger.goto(small_studio.address).status == 401
    assert stranger.goto(f"{small_studio.address}api/project").status == 401
    stranger.context.close()


@pytest.mark.slow
def test_a_name_that_was_bent_to_this_machine_is_refused(small_studio, open_page):
    page = open_page(small_studio)
    answer = page.request.get(small_studio.address, headers={"Host": "rebound.example:80"})
    assert answer.status == 403
    assert "rebound.example" in answer.text()


@pytest.mark.slow
def test_another_site_can_neither_change_nor_frame_it(small_studio, open_page, elsewhere):
    page = open_page(small_studio)
    before = page.request.get(f"{small_studio.address}api/project").json()["objects"]
    foreign = page.context.new_page()
    foreign.goto(
        elsewhere(
            f"<iframe src='{small_studio.address}'></iframe>"
            f"<form method=post action='{small_studio.address}api/objects'></form>"
        )
    )
    fetched = foreign.evaluate(
        "address => fetch(address, {method: 'POST', mode: 'no-cors', credentials: 'include'})"
        ".then(answer => answer.type, () => 'refused')",
        f"{small_studio.address}api/objects",
    )
    assert fetched == "refused"
    with foreign.expect_navigation() as posted:
        foreign.evaluate("document.forms[0].submit()")
    assert posted.value.status in (401, 403)
    assert page.request.get(f"{small_studio.address}api/project").json()["objects"] == before
    page.problems.clear()


@pytest.mark.slow
def test_a_name_is_shown_as_text(start_studio, small_clip, open_page, tmp_path):
    page = open_page(start_studio(small_clip, "--output", tmp_path / "project"))
    name = "<img src=x onerror=alert(1)>&amp;<b>"
    page.keyboard.press("m")
    page.locator("#chosen-object").wait_for()
    page.locator("#object-name").fill(name)
    page.keyboard.press("Enter")
    page.locator("#objects .name").get_by_text(name, exact=True).wait_for()
    assert page.locator("img[src=x]").count() == 0


def test_a_page_that_is_loaded_again_shows_the_same_frame(small_studio, open_page):
    page = open_page(small_studio)
    page.keyboard.press("End")
    page.wait_for_url("**/#7")
    page.reload()
    page.locator("#stage[aria-label^='Frame 7']").wait_for()
