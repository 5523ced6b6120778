"""Headless Chromium in front of millrace-httpd: every resource of a page loads, and the page can be seen. The screenshots
stay in the build folder."""

import colorsys
import json
import os
import pathlib
import random
import re

import pytest

import png
from programs import ADDRESS

IMAGES = 50
COLUMNS = 10
CELL = 70  # Pixels from one image to the next.
WIDTH, HEIGHT = 900, 1000


@pytest.fixture
def artifacts(tmp_path) -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("MILLRACE_ARTIFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def browse(namespace, tmp_path):
    """browse(PATH, OPTIONS...) opens a page in a Chromium without a window, in a profile of its own; returns its output."""
    profile = tmp_path / "profile"
    profile.mkdir()

    def run(path: str, *options) -> str:
        return namespace.run(
            "env", f"HOME={profile}", "timeout", "-k", "5", "90",
            # Root has no sandbox; the namespace leads nowhere but to the server.
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--disable-background-networking", "--no-first-run", f"--user-data-dir={profile}",
            # Chromium stops loading after a few seconds by itself, which a busy machine may need to start it.
            "--timeout=60000", f"--window-size={WIDTH},{HEIGHT}", *options, f"http://{ADDRESS}{path}",
            timeout=120,
        ).stdout

    return run


@pytest.fixture
def take_screenshot(browse, artifacts):
    def take(path: str, name: str, *options) -> png.Image:
        file = artifacts / f"{name}.png"
        file.unlink(missing_ok=True)
        browse(path, f"--screenshot={file}", *options)
        assert file.exists(), "Chromium took no screenshot"
        return png.Image(file.read_bytes())

    return take


def colour_of(number: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number / IMAGES, 0.7, 0.6 + 0.3 * (number % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def make_image(number: int) -> bytes:
    """A square of one colour with a frame of noise that does not compress: from 8 KiB to 100 KiB."""
    edge = 60 + 8 * (number % 20)
    noise = random.Random(number)
    rows = bytearray()
    for y in range(edge):
        for x in range(edge):
            is_inside = edge // 4 <= x < edge * 3 // 4 and edge // 4 <= y < edge * 3 // 4
            rows += bytes(colour_of(number)) if is_inside else noise.randbytes(3)
    return png.encode(edge, edge, bytes(rows))


@pytest.fixture
def gallery(tmp_path) -> pathlib.Path:
    """A page with fifty images that says, once loaded, how wide each of them is and what colour its middle has."""
    site = tmp_path / "site"
    (site / "img").mkdir(parents=True)
    tags = []
    for number in range(IMAGES):
        (site / "img" / f"{number:02}.png").write_bytes(make_image(number))
        left, top = CELL * (number % COLUMNS), CELL * (number // COLUMNS)
        tags.append(f'<img decoding="sync" src="img/{number:02}.png" width="60" height="60" style="left:{left}px;top:{top}px">')
    (site / "style.css").write_text("body{margin:0;background:#fff}img{position:absolute}")
    (site / "images.js").write_text(
        """addEventListener("load", () => {
          const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
          const describe = (image) => {
            if (image.naturalWidth === 0) return [new URL(image.src).pathname, "not loaded"];
            const middle = image.naturalWidth / 2;
            canvas.drawImage(image, middle, middle, 1, 1, 0, 0, 1, 1);
            return [new URL(image.src).pathname, [image.naturalWidth, ...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)]];
          };
          const images = Object.fromEntries([...document.images].map(describe));
          document.getElementById("images").textContent = JSON.stringify(images);
        });"""
    )
    (site / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>Gallery</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="style.css"><script src="images.js"></script>'
        + "".join(tags)
        + '<script type="application/json" id="images"></script>'
    )
    return site


def images_not_seen(screenshot: png.Image) -> list[str]:
    missing = []
    for number in range(IMAGES):
        x, y = CELL * (number % COLUMNS) + 30, CELL * (number // COLUMNS) + 30
        seen, expected = screenshot.pixel(x, y), colour_of(number)
        if max(abs(a - b) for a, b in zip(seen, expected)) > 8:
            missing.append(f"image {number} shows {seen}, not {expected}")
    return missing


def test_every_image_of_fifty_loads(serve, gallery, browse, take_screenshot, tmp_path):
    log = tmp_path / "access.log"
    server = serve("httpd", gallery, "--access-log", log)
    # On a busy machine Chromium has been seen to end before the page's load event: the element is empty then.
    described = ""
    for _ in range(3):
        described = described or re.search(r'id="images">([^<]*)<', browse("/", "--dump-dom")).group(1)
    assert json.loads(described) == {f"/img/{number:02}.png": [60 + 8 * (number % 20), *colour_of(number)] for number in range(IMAGES)}

    # Chromium may take its picture before it has painted the last image, which is no concern of the server's.
    unpainted = []
    for _ in range(3):
        unpainted = images_not_seen(take_screenshot("/", "gallery", "--virtual-time-budget=1000"))
        if not unpainted:
            break
    assert not unpainted

    assert server.stop() == 0
    answered = {}
    for line in log.read_text().splitlines():
        target, status, size = re.search(r'"GET (\S+) HTTP/1\.1" (\d+) (\d+) ', line).groups()
        answered.setdefault(target, []).append((int(status), int(size)))
    for file in [gallery / "style.css", gallery / "images.js", *(gallery / "img").iterdir()]:
        target = "/" + str(file.relative_to(gallery))
        assert (200, file.stat().st_size) in answered[target], f"{target}: {answered[target]}"
    assert {status for answers in answered.values() for status, _ in answers} <= {200, 304}


def test_built_in_page_can_be_seen_and_moves(serve, browse, take_screenshot, tmp_path):
    log = tmp_path / "access.log"
    server = serve("httpd", "--access-log", log)
    document = browse("/", "--dump-dom")
    assert re.search(r"<h1>[^<]+</h1>", document)
    assert len(re.findall(r"<dt>", document)) >= 8
    # The script has run: the examples have the address that the page came from.
    assert f"http://{ADDRESS}/sink" in re.sub(r"<[^>]+>", "", document)

    # A few of the page's seconds, so that its curve has begun.
    screenshot = take_screenshot("/", "welcome", "--virtual-time-budget=6500")
    assert (screenshot.width, screenshot.height) == (WIDTH, HEIGHT)
    colours = screenshot.colours()
    most_common = max(colours.values()) / sum(colours.values())
    assert len(colours) > 50, "the page is nearly blank"
    assert most_common < 0.95, "the page is nearly blank"

    # For as long as it is open it fetches its counters again, every second.
    before = log.read_text().count("GET / ")
    browse("/", "--dump-dom", "--timeout=4000", "--virtual-time-budget=3500")
    assert server.stop() == 0
    assert log.read_text().count("GET / ") - before >= 3


def test_folder_page_can_be_seen(serve, gallery, take_screenshot):
    serve("httpd", gallery)
    colours = take_screenshot("/img/", "folder").colours()
    assert len(colours) > 20, "the page is nearly blank"
