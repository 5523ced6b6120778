"""Two hundred thousand frames of nonsense leave a server serving, with every packet back in its pool."""

import pytest

from garbage import HostileHost
from programs import ADDRESS, INTERFACE

FRAMES = 200_000


@pytest.mark.parametrize("name, port", [("echo", 7), ("httpd", 80)])
def test_garbage_leaves_the_server_serving(namespace, serve, name, port):
    server = serve(name, "--reassembly", "timeout=1")  # What it holds of fragments is soon given up.
    before = server.stats()
    host = HostileHost(namespace, INTERFACE, ADDRESS, port, seed=20_240_229)
    host.send(FRAMES)
    host.leave()
    assert host.sent["all"] == FRAMES
    assert host.sent["valid"] >= 0.8 * FRAMES, host.sent
    assert host.sent["live"] >= 0.3 * FRAMES, host.sent

    after = server.stats()
    assert after["rx_frames"] - before["rx_frames"] >= FRAMES
    reasons = {reason: count - before["drops"][reason] for reason, count in after["drops"].items()}
    assert sum(reasons.values()) > host.sent["malformed"] / 2, reasons
    assert len([reason for reason, count in reasons.items() if count > 0]) >= 20, reasons
    assert after["tcp_broken_invariants"] == 0

    if name == "echo":
        answer = namespace.run("nc", "-N", ADDRESS, str(port), input="still there\n", timeout=10).stdout
        assert answer == "still there\n"
    else:
        answer = namespace.run("curl", "-sS", "-i", "--max-time", "10", f"http://{ADDRESS}/").stdout
        assert answer.startswith("HTTP/1.1 200 ")
