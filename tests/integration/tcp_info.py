"""The kernel's struct tcp_info (linux/tcp.h) of a socket: what its end of a connection knows and has counted."""

import socket
import struct
import typing

# Names and formats of the fields, in order, as far as the tests look.
_FIELDS = [
    ("state", "B"), ("ca_state", "B"), ("retransmits", "B"), ("probes", "B"), ("backoff", "B"), ("options", "B"),
    ("wscale", "B"), ("flags", "B"),
    *((name, "I") for name in (
        "rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets", "last_data_sent",
        "last_ack_sent", "last_data_recv", "last_ack_recv", "pmtu", "rcv_ssthresh", "rtt", "rttvar", "snd_ssthresh",
        "snd_cwnd", "advmss", "reordering", "rcv_rtt", "rcv_space", "total_retrans",
    )),
    *((name, "Q") for name in ("pacing_rate", "max_pacing_rate", "bytes_acked", "bytes_received")),
    *((name, "I") for name in ("segs_out", "segs_in", "notsent_bytes", "min_rtt", "data_segs_in", "data_segs_out")),
    *((name, "Q") for name in (
        "delivery_rate", "busy_time", "rwnd_limited", "sndbuf_limited",
    )),
    *((name, "I") for name in ("delivered", "delivered_ce")),
    *((name, "Q") for name in ("bytes_sent", "bytes_retrans")),
    *((name, "I") for name in ("dsack_dups", "reord_seen", "rcv_ooopack", "snd_wnd")),
]
_LAYOUT = struct.Struct("=" + "".join(form for _, form in _FIELDS))

TIMESTAMPS = 1
SACK = 2
WINDOW_SCALE = 4
ECN = 8
ECN_SEEN = 16
SYN_DATA = 32


def tcp_info(connection: socket.socket) -> typing.Any:
    """An object with a number for each field. `wscale` has the peer's shift in its low four bits."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
    assert len(raw) >= _LAYOUT.size, "an old kernel's tcp_info is too short for these tests"
    values = dict(zip((name for name, _ in _FIELDS), _LAYOUT.unpack_from(raw)))
    return type("TcpInfo", (), values)
