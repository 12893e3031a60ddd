"""Draw a confusion matrix as a picture that can be read without a legend.

A cell is coloured by its share of the actual class: blue on the diagonal, where the model was
right, and orange elsewhere.  The square root of the share sets the strength, because the mistakes
of a good model are few and would otherwise stay invisible.
"""

import math

from font import BASELINE_HEIGHT, GLYPH_HEIGHT
from png import Canvas, render_text, turn_left

_CELL = 132
_GAP = 6
_MARGIN = 28
_TOP = 96
_BOTTOM = 100
_AXIS_WIDTH = 34

_PAPER = (255, 255, 255)
_EMPTY_CELL = (241, 243, 246)
_RIGHT_PALE, _RIGHT_STRONG = (222, 235, 247), (24, 84, 140)
_WRONG_PALE, _WRONG_STRONG = (253, 234, 216), (204, 76, 2)
_INK = (28, 36, 48)
_FAINT_INK = (110, 120, 134)
_EMPTY_INK = (168, 176, 187)

_TITLE_SCALE = 3
_LABEL_SCALE = 2
_COUNT_SCALE = 4


def draw_confusion(matrix, class_names, title, subtitle):
    """Return a canvas that shows the counts and shares of a confusion matrix."""
    names = [render_text(name, _LABEL_SCALE) for name in class_names]
    headline = render_text(title, _TITLE_SCALE)
    remark = render_text(subtitle, _LABEL_SCALE)
    name_width = max(len(name[0]) for name in names)
    # Long names get wider cells, because they also stand below the columns.
    cell_width = max(_CELL, name_width + 2 * _GAP)
    left = _MARGIN + _AXIS_WIDTH + name_width + 2 * _GAP
    grid_width = len(matrix) * (cell_width + _GAP) - _GAP
    grid_height = len(matrix) * (_CELL + _GAP) - _GAP
    text_width = max(len(headline[0]), len(remark[0]))
    canvas = Canvas(
        max(left + grid_width, _MARGIN + text_width) + _MARGIN, _TOP + grid_height + _BOTTOM, _PAPER
    )
    canvas.blend_mask(_MARGIN, 24, headline, _INK)
    canvas.blend_mask(_MARGIN, 60, remark, _FAINT_INK)
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            place = (left + column * (cell_width + _GAP), _TOP + row * (_CELL + _GAP), cell_width)
            _draw_cell(canvas, place, count, sum(counts), is_right=row == column)
    _draw_names(canvas, names, left, cell_width)
    _draw_axes(canvas, left + grid_width // 2, _TOP + grid_height // 2, _TOP + grid_height)
    return canvas


def _draw_cell(canvas, place, count, actual_count, is_right):
    left, top, width = place
    share = count / actual_count if actual_count else 0.0
    fill, ink = choose_colours(share, is_right)
    canvas.fill_rectangle(left, top, width, _CELL, fill)
    centre = left + width // 2
    number = render_text(str(count), _COUNT_SCALE)
    if count == 0:
        _draw_centred(canvas, centre, top + _CELL // 2, number, ink)
        return
    _draw_centred(canvas, centre, top + 56, number, ink)
    percentage = render_text(f"{100 * share:.1f} %", _LABEL_SCALE)
    _draw_centred(canvas, centre, top + 94, percentage, ink)


def choose_colours(share, is_right):
    """Return the fill of a cell and an ink that stands out from it."""
    if share == 0:
        return _EMPTY_CELL, _EMPTY_INK
    ends = (_RIGHT_PALE, _RIGHT_STRONG) if is_right else (_WRONG_PALE, _WRONG_STRONG)
    strength = math.sqrt(share)
    fill = tuple(round(pale + (strong - pale) * strength) for pale, strong in zip(*ends))
    # Perceived brightness with the weights of ITU-R BT.601.
    red, green, blue = fill
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    return fill, _INK if brightness > 150 else _PAPER


def _draw_names(canvas, names, left, cell_width):
    for position, name in enumerate(names):
        offset = position * (_CELL + _GAP)
        row_left = left - 2 * _GAP - len(name[0])
        row_top = _TOP + offset + (_CELL - BASELINE_HEIGHT * _LABEL_SCALE) // 2
        canvas.blend_mask(row_left, row_top, name, _INK)
        centre = left + position * (cell_width + _GAP) + cell_width // 2
        below = _TOP + len(names) * (_CELL + _GAP) + 22
        _draw_centred(canvas, centre, below, name, _INK)


def _draw_axes(canvas, centre_column, centre_row, grid_bottom):
    predicted = render_text("predicted", _LABEL_SCALE)
    _draw_centred(canvas, centre_column, grid_bottom + 68, predicted, _FAINT_INK)
    actual = turn_left(render_text("actual", _LABEL_SCALE))
    canvas.blend_mask(_MARGIN, centre_row - len(actual) // 2, actual, _FAINT_INK)


def _draw_centred(canvas, centre, middle, mask, colour):
    # The rows below the base line are left out of the height, or the text would sit too high.
    height = len(mask) * BASELINE_HEIGHT // GLYPH_HEIGHT
    canvas.blend_mask(centre - len(mask[0]) // 2, middle - height // 2, mask, colour)
