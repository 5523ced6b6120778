"""PNG images as pixels: writing plain ones for pages, reading a browser's screenshots. 8 bits per channel, RGB or RGBA,
not interlaced: what the suite meets."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(width: int, height: int, rgb: bytes, level: int = 6) -> bytes:
    """An image from its rows of RGB bytes."""
    stride = 3 * width
    rows = b"".join(b"\0" + rgb[row * stride : (row + 1) * stride] for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, level)) + _chunk(b"IEND", b"")


class Image:
    """A decoded image."""

    def __init__(self, data: bytes) -> None:
        assert data.startswith(_SIGNATURE), "not a PNG"
        chunks = dict(_collect(data))
        self.width, self.height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        assert (depth, interlace) == (8, 0) and colour in (2, 6), "a kind of PNG that is not read here"
        self._channels = 3 if colour == 2 else 4
        self._rows = self._unfilter(zlib.decompress(chunks[b"IDAT"]))

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        start = x * self._channels
        return tuple(self._rows[y][start : start + 3])

    def colours(self) -> dict[tuple[int, int, int], int]:
        """How many pixels have which colour; every third row and column is looked at."""
        counts: dict[tuple[int, int, int], int] = {}
        for y in range(0, self.height, 3):
            for x in range(0, self.width, 3):
                colour = self.pixel(x, y)
                counts[colour] = counts.get(colour, 0) + 1
        return counts

    def _unfilter(self, data: bytes) -> list[bytearray]:
        """PNG specification, clause 9."""
        stride, back = self.width * self._channels, self._channels
        rows, above = [], bytearray(stride)
        for number in range(self.height):
            start = number * (stride + 1)
            kind, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
            if kind == 1:
                for i in range(back, stride):
                    row[i] = row[i] + row[i - back] & 255
            elif kind == 2:
                row = bytearray(a + b & 255 for a, b in zip(row, above))
            elif kind == 3:
                for i in range(stride):
                    left = row[i - back] if i >= back else 0
                    row[i] = row[i] + (left + above[i]) // 2 & 255
            elif kind == 4:
                for i in range(stride):
                    left, corner = (row[i - back], above[i - back]) if i >= back else (0, 0)
                    row[i] = row[i] + _paeth(left, above[i], corner) & 255
            rows.append(row)
            above = row
        return rows


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    far_left, far_up, far_corner = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
    if far_left <= far_up and far_left <= far_corner:
        return left
    return up if far_up <= far_corner else corner


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _collect(data: bytes):
    """Chunks by kind; those of the same kind are joined."""
    joined: dict[bytes, bytes] = {}
    position = len(_SIGNATURE)
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind = data[position + 4 : position + 8]
        joined[kind] = joined.get(kind, b"") + data[position + 8 : position + 8 + length]
        position += 12 + length
    return joined.items()
