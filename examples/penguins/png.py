"""Write true-colour PNG files with nothing but zlib and struct.

The format is the W3C recommendation "Portable Network Graphics (PNG) Specification", second
edition: a signature, then chunks of length, type, data and CRC-32.
"""

import struct
import zlib

from font import lay_out_text

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS_PER_SAMPLE = 8
_TRUE_COLOUR = 2
_NO_FILTER = b"\x00"


class Canvas:
    """A rectangle of red-green-blue pixels; drawing outside of it is a bug and raises."""

    def __init__(self, width, height, background):
        if width < 1 or height < 1:
            raise ValueError(f"a picture cannot be {width}x{height} pixels")
        self.width = width
        self.height = height
        self._rows = [bytearray(bytes(background) * width) for _ in range(height)]

    def fill_rectangle(self, left, top, width, height, colour):
        """Paint a solid rectangle."""
        self._require_inside(left, top, width, height)
        for row in self._rows[top:top + height]:
            row[3 * left:3 * (left + width)] = bytes(colour) * width

    def blend_mask(self, left, top, mask, colour):
        """Paint a colour through a mask of coverages between 0 (keep) and 1 (replace)."""
        self._require_inside(left, top, len(mask[0]), len(mask))
        for row, coverages in zip(self._rows[top:], mask):
            for column, coverage in enumerate(coverages, start=left):
                if coverage == 0:
                    continue
                for offset, wanted in enumerate(colour, start=3 * column):
                    row[offset] = round(row[offset] + (wanted - row[offset]) * coverage)

    def get_pixel(self, column, row):
        """Return the colour of one pixel as a tuple of three numbers from 0 to 255."""
        return tuple(self._rows[row][3 * column:3 * column + 3])

    def encode(self):
        """Return the bytes of a PNG file; the same pixels and zlib give the same bytes."""
        header = struct.pack(
            ">IIBBBBB", self.width, self.height, _BITS_PER_SAMPLE, _TRUE_COLOUR, 0, 0, 0
        )
        scanlines = b"".join(_NO_FILTER + bytes(row) for row in self._rows)
        return b"".join((
            SIGNATURE,
            _pack_chunk(b"IHDR", header),
            _pack_chunk(b"IDAT", zlib.compress(scanlines, 9)),
            _pack_chunk(b"IEND", b""),
        ))

    def _require_inside(self, left, top, width, height):
        if left < 0 or top < 0 or left + width > self.width or top + height > self.height:
            raise ValueError(
                f"{width}x{height} pixels at ({left}, {top}) "
                f"do not fit into {self.width}x{self.height}"
            )


def _pack_chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def render_text(text, scale):
    """Return a mask of the text, each font pixel `scale` pixels wide, with smoothed diagonals.

    Where two font pixels touch only at a corner, the two empty pixels beside that corner get a
    half-covering triangle.  Slanted strokes then look like strokes and not like stairs.
    """
    pixels = lay_out_text(text)
    height, width = len(pixels), len(pixels[0])
    mask = [[0.0] * (width * scale) for _ in range(height * scale)]
    for row in range(height):
        for column in range(width):
            for inner_row, inner_column, coverage in _cover_pixel(pixels, row, column, scale):
                mask[row * scale + inner_row][column * scale + inner_column] = coverage
    return mask


def _cover_pixel(pixels, row, column, scale):
    """Yield the covered points of one enlarged font pixel, with how much of each is covered."""
    def is_set(at_row, at_column):
        return 0 <= at_row < len(pixels) and 0 <= at_column < len(pixels[0]) \
            and pixels[at_row][at_column]

    last = scale - 1
    if is_set(row, column):
        for inner_row in range(scale):
            for inner_column in range(scale):
                yield inner_row, inner_column, 1.0
        return
    for down in (-1, 1):
        for right in (-1, 1):
            touches_diagonal = (
                is_set(row + down, column) and is_set(row, column + right)
                and not is_set(row + down, column + right)
            )
            if not touches_diagonal:
                continue
            for inner_row in range(scale):
                for inner_column in range(scale):
                    distance = (
                        (inner_row if down < 0 else last - inner_row)
                        + (inner_column if right < 0 else last - inner_column)
                    )
                    if distance <= last:
                        yield inner_row, inner_column, 0.5 if distance == last else 1.0


def turn_left(mask):
    """Return the mask turned by a quarter, so that its text reads from the bottom to the top."""
    return [list(column) for column in reversed(list(zip(*mask)))]
