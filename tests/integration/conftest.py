"""What all integration tests share: a namespace each, running servers that must be clean afterwards, large files."""

import hashlib
import os
import pathlib

import pytest

from namespaces import Namespace, missing_surroundings
from programs import MillraceProgram

MESON_SKIPPED = 77


def pytest_collection_modifyitems(items) -> None:
    reason = missing_surroundings()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session, exitstatus) -> None:
    """Where everything was skipped, meson shall hear so."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        session.exitstatus = MESON_SKIPPED


@pytest.fixture
def namespace():
    with Namespace() as made:
        yield made


@pytest.fixture
def serve(namespace):
    """serve(NAME, ARGUMENTS...) starts millrace-NAME and waits for it. After the test every packet must be back in its
    pool, no connection left, no invariant broken, and the program must end in order."""
    running = []

    def start(
        name: str, *arguments, where: Namespace = namespace, client: Namespace | None = None
    ) -> MillraceProgram:
        program = MillraceProgram(where, name, *arguments, client=client)
        running.append((program, None))
        program.wait_until_reachable()
        running[-1] = (program, program.wait_until_idle()["packets_in_use"])
        return program

    yield start
    for program, packets in running:
        if packets is None or program.process.poll() is not None:
            continue
        program.wait_until_idle(packets)
        assert program.stats()["tcp_broken_invariants"] == 0
        assert program.stop() == 0, program.log()


@pytest.fixture(scope="session")
def make_file(tmp_path_factory):
    """make_file(FOLDER, BYTES) writes a file of random bytes; returns its path and SHA-256 in hexadecimal."""

    def make(folder: pathlib.Path, size: int) -> tuple[pathlib.Path, str]:
        path = folder / f"random-{size}.bin"
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for offset in range(0, size, 1 << 20):
                block = os.urandom(min(1 << 20, size - offset))
                digest.update(block)
                file.write(block)
        return path, digest.hexdigest()

    return make


def sha256_of(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
