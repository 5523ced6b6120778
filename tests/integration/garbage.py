"""A hostile host on the link: it holds a few connections as any client would, and sends seeded nonsense, most of it
well formed enough to get deep into the stack. It counts what it sent, so that a test can see that the mix is right."""

import collections
import random
import select
import socket
import struct
import time

import frames
from frames import ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP, URG, TcpFrame

ALL_PROTOCOLS = 3
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
MOD = 1 << 32

OUR_MAC = bytes.fromhex("020000000050")
OUR_ADDRESS = frames.address("198.18.0.80")
BROADCAST_MAC = b"\xff" * 6


class Peer:
    """Our end of a connection with the server, as far as it can be known from the frames seen."""

    def __init__(self, port: int, iss: int) -> None:
        self.port = port
        self.server_rcv_nxt = (iss + 1) % MOD
        self.server_snd_nxt = 0
        self.window = 0
        self.is_open = False
        self.is_over = False


class HostileHost:
    """Talks to one server over `interface`, whose other end the server holds."""

    def __init__(self, namespace, interface: str, server_address: str, server_port: int, seed: int,
                 connections: int = 16) -> None:
        self._random = random.Random(seed)
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self._socket.bind((interface, ALL_PROTOCOLS))
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.setblocking(False)
        self._server = frames.address(server_address)
        self._server_port = server_port
        self._server_mac = BROADCAST_MAC
        self._peers: dict[int, Peer] = {}
        self._wanted = connections
        self._next_port = 20_000
        self._echo_answered = -1
        self._echo_sequence = 0
        self.sent = collections.Counter()
        self._learn_server()

    def send(self, count: int) -> None:
        """Sends `count` frames of nonsense, keeping pace with the server so that the link loses none of them."""
        kinds = [self._live_segment, self._listener_segment, self._closed_port_segment, self._datagram,
                 self._icmp_message, self._malformed]
        weights = [48, 14, 8, 10, 6, 14]
        for number, make in enumerate(self._random.choices(kinds, weights, k=count)):
            if number % 32 == 0:
                self._keep_pace()
            self._transmit(make())
            self.sent["all"] += 1
        self._keep_pace()

    def leave(self) -> None:
        """Resets every connection that the server may still hold."""
        self._wanted = 0
        self._keep_pace()
        for peer in self._peers.values():
            self._transmit(self._segment(peer.port, peer.server_rcv_nxt, peer.server_snd_nxt, RST | ACK))
        self._peers.clear()
        # What the server retransmits from here on is answered as by a host that knows nothing of it.
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            self._receive(0.1)

    # Keeping company: address resolution, handshakes, acknowledgments.

    def _learn_server(self) -> None:
        request = frames.arp(1, OUR_MAC, OUR_ADDRESS, bytes(6), self._server)
        self._transmit(frames.ethernet(BROADCAST_MAC, OUR_MAC, frames.ETHERTYPE_ARP, request))
        for _ in range(100):
            self._receive(0.05)
            if self._server_mac != BROADCAST_MAC:
                return
        raise AssertionError("the server does not answer ARP")

    def _keep_pace(self) -> None:
        """Waits until the server has answered a ping, which it does after everything sent before."""
        self._open_missing()
        self._echo_sequence = (self._echo_sequence + 1) % 65536
        ping = frames.icmp(8, 0, 0x4D52 << 16 | self._echo_sequence, b"pace")
        for _ in range(20):
            self._transmit(self._datagram_of(frames.ICMP, ping))
            for _ in range(20):
                self._receive(0.005)
                if self._echo_answered == self._echo_sequence:
                    return
        raise AssertionError("the server has stopped answering")

    def _open_missing(self) -> None:
        for port in [port for port, peer in self._peers.items() if peer.is_over]:
            del self._peers[port]
        while len(self._peers) < self._wanted:
            self._next_port += 1
            peer = Peer(self._next_port, self._random.randrange(MOD))
            self._peers[peer.port] = peer
            mss = b"\x02\x04\x05\xb4"
            self._transmit(self._segment(peer.port, peer.server_rcv_nxt - 1, 0, SYN, options=mss))

    def _receive(self, seconds: float) -> None:
        if not select.select([self._socket], [], [], seconds)[0]:
            return
        while True:
            try:
                frame = self._socket.recv(65536)
            except BlockingIOError:
                return
            if frame[12:14] == frames.ETHERTYPE_ARP:
                self._on_arp(frame)
            elif frame[30:34] == OUR_ADDRESS and (segment := TcpFrame.parse(frame)) is not None:
                self._on_segment(segment)
            elif frame[30:34] == OUR_ADDRESS and frame[23] == frames.ICMP and frame[34] == 0:
                self._echo_answered = int.from_bytes(frame[40:42], "big")

    def _on_arp(self, frame: bytes) -> None:
        if frame[28:32] != self._server:
            return
        self._server_mac = frame[22:28]
        if frame[20:22] == b"\x00\x01" and frame[38:42] == OUR_ADDRESS:
            reply = frames.arp(2, OUR_MAC, OUR_ADDRESS, self._server_mac, self._server)
            self._transmit(frames.ethernet(self._server_mac, OUR_MAC, frames.ETHERTYPE_ARP, reply))

    def _on_segment(self, seen: TcpFrame) -> None:
        peer = self._peers.get(seen.destination_port)
        if peer is None:
            # As any host does that knows nothing of the connection (RFC 9293 §3.10.7.1).
            if not seen.flags & RST and seen.flags & ACK:
                self._transmit(self._segment(seen.destination_port, seen.ack, 0, RST, to_port=seen.source_port))
            return
        if seen.flags & ACK:
            peer.server_rcv_nxt = seen.ack
            peer.window = seen.window
        if seen.flags & (RST | FIN):
            peer.is_over = True
            self._transmit(self._segment(peer.port, peer.server_rcv_nxt, 0, RST))
            return
        end = (seen.seq + seen.length + (1 if seen.flags & SYN else 0)) % MOD
        if not peer.is_open and seen.flags & SYN:
            peer.is_open = True
            peer.server_snd_nxt = end
            self._transmit(self._segment(peer.port, peer.server_rcv_nxt, end, ACK))
        if (end - peer.server_snd_nxt) % MOD < 1 << 31:
            peer.server_snd_nxt = end

    # Nonsense, by kind.

    def _live_segment(self) -> bytes:
        """On an open connection, right in addresses and checksum, inside the window; anything else may be odd."""
        draw = self._random
        candidates = [peer for peer in self._peers.values() if peer.is_open and not peer.is_over and peer.window]
        if not candidates:
            return self._listener_segment()
        peer = draw.choice(candidates)
        self.sent["valid"] += 1
        self.sent["live"] += 1
        in_order = draw.random() < 0.3
        seq = peer.server_rcv_nxt + (0 if in_order else draw.randrange(peer.window))
        ack = peer.server_snd_nxt + draw.choice((0, 0, 0, 0, -1, -1000, 1, 100_000, draw.randrange(MOD)))
        flags = draw.choices((ACK, ACK | PSH, ACK | URG, ACK | ECE | CWR, ACK | FIN, ACK | RST, ACK | SYN, 0, SYN, 255),
                             (50, 20, 5, 5, 2, 2, 2, 4, 1, 1))[0]
        return self._segment(
            peer.port, seq, ack, flags, payload=self._payload(), options=self._options(),
            window=draw.choice((65535, 65535, 1000, 1, 0)), urgent=draw.choice((0, 1, 65535)),
        )

    def _listener_segment(self) -> bytes:
        draw = self._random
        self.sent["valid"] += 1
        return self._segment(
            draw.randrange(1, 20_000), draw.randrange(MOD), draw.randrange(MOD),
            draw.choice((SYN, SYN, SYN | ACK, ACK, RST, FIN, FIN | SYN, 0, draw.randrange(256))),
            payload=self._payload(), options=self._options(),
        )

    def _closed_port_segment(self) -> bytes:
        draw = self._random
        self.sent["valid"] += 1
        return self._segment(
            draw.randrange(1, 20_000), draw.randrange(MOD), draw.randrange(MOD), draw.randrange(256),
            payload=self._payload(), to_port=draw.randrange(30_000, 65536),
        )

    def _datagram(self) -> bytes:
        draw = self._random
        self.sent["valid"] += 1
        datagram = frames.udp(
            OUR_ADDRESS, self._server, draw.randrange(65536), draw.randrange(1, 65536), self._payload())
        return self._datagram_of(frames.UDP, datagram)

    def _icmp_message(self) -> bytes:
        """Any type, any code; errors often quote one of our own connections."""
        draw = self._random
        self.sent["valid"] += 1
        kind = draw.choice((3, 3, 3, 4, 5, 8, 11, 12, draw.randrange(256)))
        peers = list(self._peers.values())
        if peers and draw.random() < 0.7:
            peer = draw.choice(peers)
            quoted = struct.pack(
                "!HHI", self._server_port, peer.port, (peer.server_snd_nxt - draw.randrange(3000)) % MOD)
            body = frames.ipv4(self._server, OUR_ADDRESS, TCP, quoted + bytes(12))[:28]
        else:
            body = draw.randbytes(draw.randrange(64))
        return self._datagram_of(frames.ICMP, frames.icmp(kind, draw.randrange(16), draw.randrange(MOD), body))

    def _malformed(self) -> bytes:
        draw = self._random
        self.sent["malformed"] += 1
        makers = (self._noise, self._truncated, self._flipped, self._fragment, self._ip_options, self._wrong_address,
                  self._odd_arp)
        return draw.choice(makers)()

    def _noise(self) -> bytes:
        draw = self._random
        ethertype = draw.choice((frames.ETHERTYPE_IPV4, frames.ETHERTYPE_ARP, b"\x81\x00", b"\x86\xdd", draw.randbytes(2)))
        return frames.ethernet(self._server_mac, OUR_MAC, ethertype, draw.randbytes(draw.randrange(1500)))

    def _truncated(self) -> bytes:
        whole = self._template()
        return whole[: self._random.randrange(14, len(whole))]

    def _flipped(self) -> bytes:
        """One bit after the Ethernet header is wrong."""
        frame = bytearray(self._template())
        position = self._random.randrange(14, len(frame))
        frame[position] ^= 1 << self._random.randrange(8)
        return bytes(frame)

    def _fragment(self) -> bytes:
        draw = self._random
        datagram = frames.ipv4(OUR_ADDRESS, self._server, TCP, self._payload() + bytes(8),
                               identification=draw.randrange(65536), fragment=draw.choice((0x2000, 1, 0x2001, 0x1FFF)))
        return frames.ethernet(self._server_mac, OUR_MAC, frames.ETHERTYPE_IPV4, datagram)

    def _ip_options(self) -> bytes:
        draw = self._random
        options = draw.choice((b"\x83\x07\x04\xc6\x12\x00\x01\x00", b"\x07\xff\x04\x00", draw.randbytes(4 * draw.randrange(1, 11))))
        segment = frames.tcp(OUR_ADDRESS, self._server, 1, self._server_port, 0, 0, ACK)
        datagram = frames.ipv4(OUR_ADDRESS, self._server, TCP, segment, options=options)
        return frames.ethernet(self._server_mac, OUR_MAC, frames.ETHERTYPE_IPV4, datagram)

    def _wrong_address(self) -> bytes:
        draw = self._random
        source = draw.choice((b"\x7f\0\0\1", b"\xff" * 4, b"\xe0\0\0\1", bytes(4), self._server, OUR_ADDRESS))
        target = draw.choice((self._server, b"\xe0\0\0\1", b"\xff" * 4, frames.address("198.18.0.255"), draw.randbytes(4)))
        segment = frames.tcp(source, target, 1, self._server_port, 0, 0, SYN)
        mac = draw.choice((self._server_mac, BROADCAST_MAC, b"\x02" + draw.randbytes(5)))
        return frames.ethernet(mac, OUR_MAC, frames.ETHERTYPE_IPV4, frames.ipv4(source, target, TCP, segment))

    def _odd_arp(self) -> bytes:
        """Never claims the server's address, nor moves ours: those are tests of their own."""
        draw = self._random
        sender = draw.choice((OUR_ADDRESS, bytes(4), frames.address(f"198.18.0.{draw.randrange(81, 255)}")))
        mac = draw.choice((OUR_MAC, bytes(6), BROADCAST_MAC)) if sender != OUR_ADDRESS else OUR_MAC
        body = bytearray(frames.arp(draw.randrange(4), mac, sender, bytes(6), self._server))
        if draw.random() < 0.5:
            body[draw.randrange(8)] ^= 0xFF
        return frames.ethernet(self._server_mac, OUR_MAC, frames.ETHERTYPE_ARP, bytes(body))

    # Pieces.

    def _template(self) -> bytes:
        draw = self._random
        return self._segment(draw.randrange(1, 20_000), draw.randrange(MOD), draw.randrange(MOD), ACK,
                             payload=draw.randbytes(draw.randrange(64)))

    def _payload(self) -> bytes:
        draw = self._random
        return draw.randbytes(draw.choice((0, 0, 1, draw.randrange(64), draw.randrange(64), draw.randrange(1400))))

    def _options(self) -> bytes:
        draw = self._random
        choice = draw.randrange(8)
        if choice == 0:
            return draw.randbytes(4 * draw.randrange(1, 11))
        if choice == 1:
            return b"\x01\x01\x08\x0a" + draw.randbytes(8)
        if choice == 2:
            return b"\x01\x01\x05\x12" + draw.randbytes(16)
        return b""

    def _segment(self, port: int, seq: int, ack: int, flags: int, to_port: int = 0, **fields) -> bytes:
        segment = frames.tcp(OUR_ADDRESS, self._server, port, to_port or self._server_port, seq, ack, flags, **fields)
        return self._datagram_of(TCP, segment)

    def _datagram_of(self, protocol: int, payload: bytes) -> bytes:
        datagram = frames.ipv4(OUR_ADDRESS, self._server, protocol, payload)
        return frames.ethernet(self._server_mac, OUR_MAC, frames.ETHERTYPE_IPV4, datagram)

    def _transmit(self, frame: bytes) -> None:
        while True:
            try:
                self._socket.send(frame)
                return
            except (BlockingIOError, OSError) as error:
                if not isinstance(error, BlockingIOError) and error.errno != 105:  # ENOBUFS
                    raise
                select.select([], [self._socket], [], 0.01)
