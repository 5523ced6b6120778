"""Frames as bytes: Ethernet, ARP, IPv4, ICMP, UDP and TCP with right checksums unless a caller says otherwise. Speed
matters more than generality: hundreds of thousands are made in a test."""

import socket
import struct

ETHERTYPE_IPV4 = b"\x08\x00"
ETHERTYPE_ARP = b"\x08\x06"
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(destination: bytes, source: bytes, ethertype: bytes, payload: bytes) -> bytes:
    return destination + source + ethertype + payload


def arp(operation: int, sender_mac: bytes, sender_ip: bytes, target_mac: bytes, target_ip: bytes) -> bytes:
    return b"\x00\x01\x08\x00\x06\x04" + struct.pack("!H", operation) + sender_mac + sender_ip + target_mac + target_ip


def ipv4(source: bytes, destination: bytes, protocol: int, payload: bytes, identification: int = 0,
         fragment: int = 0x4000, ttl: int = 64, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(payload), identification, fragment, ttl, protocol, 0,
        source, destination,
    ) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def icmp(kind: int, code: int, rest: int, payload: bytes) -> bytes:
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def udp(source: bytes, destination: bytes, source_port: int, destination_port: int, payload: bytes) -> bytes:
    length = 8 + len(payload)
    datagram = struct.pack("!HHHH", source_port, destination_port, length, 0) + payload
    value = checksum(source + destination + struct.pack("!HH", UDP, length) + datagram) or 0xFFFF
    return datagram[:6] + struct.pack("!H", value) + datagram[8:]


def tcp(source: bytes, destination: bytes, source_port: int, destination_port: int, seq: int, ack: int, flags: int,
        window: int = 65535, payload: bytes = b"", options: bytes = b"", urgent: int = 0) -> bytes:
    words = 5 + len(options) // 4
    segment = struct.pack(
        "!HHIIBBHHH", source_port, destination_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4, flags, window, 0,
        urgent,
    ) + options + payload
    value = checksum(source + destination + struct.pack("!HH", TCP, len(segment)) + segment)
    return segment[:16] + struct.pack("!H", value) + segment[18:]


class TcpFrame:
    """The fields of a received TCP frame; `parse` gives None for anything else."""

    __slots__ = ("source", "destination", "source_port", "destination_port", "seq", "ack", "flags", "window", "length")

    @staticmethod
    def parse(frame: bytes) -> "TcpFrame | None":
        if len(frame) < 54 or frame[12:14] != ETHERTYPE_IPV4 or frame[23] != TCP:
            return None
        start = 14 + 4 * (frame[14] & 15)
        end = 14 + int.from_bytes(frame[16:18], "big")
        parsed = TcpFrame()
        parsed.source, parsed.destination = frame[26:30], frame[30:34]
        (parsed.source_port, parsed.destination_port, parsed.seq, parsed.ack, offset, parsed.flags,
         parsed.window) = struct.unpack("!HHIIBBH", frame[start:start + 16])
        parsed.length = end - start - 4 * (offset >> 4)
        return parsed


def address(text: str) -> bytes:
    return socket.inet_aton(text)
