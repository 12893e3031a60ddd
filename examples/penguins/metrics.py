"""Split rows into stratified folds, and score predictions.

Classes are whole numbers from 0.  A confusion matrix is a list of rows: the row is the actual
class, the column the predicted one.
"""

from typing import NamedTuple


class Scores(NamedTuple):
    """Accuracy over all rows, and the plain mean over the classes of the other three."""

    accuracy: float
    precision: float
    recall: float
    f1: float


def split_stratified(labels, fold_count, generator):
    """Return `fold_count` lists of row numbers that together hold each row exactly once.

    Each class is shuffled and dealt out like cards, and the next class goes on where the last one
    stopped.  So both the folds and the shares of a class in them differ by one row at most.
    """
    folds = [[] for _ in range(fold_count)]
    dealt = 0
    for label in sorted(set(labels)):
        members = [row for row, candidate in enumerate(labels) if candidate == label]
        generator.shuffle(members)
        for row in members:
            folds[dealt % fold_count].append(row)
            dealt += 1
    return [sorted(fold) for fold in folds]


def count_confusions(actual, predicted, class_count):
    """Return the confusion matrix of two equally long lists of classes."""
    if len(actual) != len(predicted):
        raise ValueError(f"{len(actual)} actual classes but {len(predicted)} predictions")
    matrix = [[0] * class_count for _ in range(class_count)]
    for truth, guess in zip(actual, predicted):
        matrix[truth][guess] += 1
    return matrix


def add_matrices(first, second):
    """Return the sum of two confusion matrices of one size."""
    return [[left + right for left, right in zip(*rows)] for rows in zip(first, second)]


def compute_scores(matrix):
    """Return the scores of a confusion matrix.

    A class that is never predicted has precision 0, and one that never occurs has recall 0: the
    ratio is undefined there, and 0 is the value that flatters nobody.
    """
    correct = [row[label] for label, row in enumerate(matrix)]
    precisions = [_divide(hits, sum(column)) for hits, column in zip(correct, zip(*matrix))]
    recalls = [_divide(hits, sum(row)) for hits, row in zip(correct, matrix)]
    harmonic_means = [
        _divide(2 * precision * recall, precision + recall)
        for precision, recall in zip(precisions, recalls)
    ]
    return Scores(
        accuracy=_divide(sum(correct), sum(map(sum, matrix))),
        precision=_average(precisions),
        recall=_average(recalls),
        f1=_average(harmonic_means),
    )


def average_scores(many_scores):
    """Return the mean of several scores, each column on its own."""
    return Scores(*(_average(column) for column in zip(*many_scores)))


def _divide(part, whole):
    return part / whole if whole else 0.0


def _average(values):
    return sum(values) / len(values)
