"""Three classifiers that share nothing but their interface, written to be read.

Each has `fit(rows, labels)` and `predict(row)`.  A row is a list of numbers, a label a class number
from 0.  `predict` sees one row and never a label.
"""

import heapq
import math
from collections import Counter
from typing import NamedTuple, Union


class StandardScaler:
    """Shift and stretch each column so that the rows it was fitted on have mean 0 and deviation 1.

    The test rows must not take part in `fit`: their mean is knowledge about the test.
    """

    def fit(self, rows):
        """Learn the mean and the deviation of each column, and return the scaler."""
        columns = list(zip(*rows))
        self._means = [sum(column) / len(column) for column in columns]
        self._deviations = [
            # A constant column carries nothing; dividing by 1 keeps it at zero.
            math.sqrt(sum((value - mean) ** 2 for value in column) / len(column)) or 1.0
            for column, mean in zip(columns, self._means)
        ]
        return self

    def transform(self, row):
        """Return the row in units of the learnt deviations."""
        return [
            (value - mean) / deviation
            for value, mean, deviation in zip(row, self._means, self._deviations)
        ]


class LogisticRegression:
    """Multinomial logistic regression: one linear score per class, made a probability by softmax.

    Full-batch gradient descent with momentum (Polyak 1964, "Some methods of speeding up the
    convergence of iteration methods") on the cross-entropy plus a small ridge penalty (le Cessie
    and van Houwelingen 1992).  The penalty keeps the weights finite where classes can be separated
    perfectly.
    """

    def __init__(self, step_count=200, step_size=0.3, momentum=0.9, penalty=0.001):
        self._step_count = step_count
        self._step_size = step_size
        self._momentum = momentum
        self._penalty = penalty

    def fit(self, rows, labels):
        class_count = max(labels) + 1
        # The leading 1 makes the first weight of each class its intercept.
        extended = [[1.0, *row] for row in rows]
        self._weights = [[0.0] * len(extended[0]) for _ in range(class_count)]
        velocity = [[0.0] * len(extended[0]) for _ in range(class_count)]
        for _ in range(self._step_count):
            gradient = self._compute_gradient(extended, labels)
            for weights, speeds, slopes in zip(self._weights, velocity, gradient):
                for column, slope in enumerate(slopes):
                    speeds[column] = self._momentum * speeds[column] - self._step_size * slope
                    weights[column] += speeds[column]
        return self

    def predict(self, row):
        scores = self._score_classes([1.0, *row])
        return scores.index(max(scores))

    def _compute_gradient(self, extended, labels):
        gradient = [[0.0] * len(weights) for weights in self._weights]
        for row, label in zip(extended, labels):
            probabilities = _apply_softmax(self._score_classes(row))
            for class_number, probability in enumerate(probabilities):
                excess = probability - (class_number == label)
                slopes = gradient[class_number]
                for column, value in enumerate(row):
                    slopes[column] += excess * value
        for slopes, weights in zip(gradient, self._weights):
            for column, weight in enumerate(weights):
                ridge = self._penalty * weight if column > 0 else 0.0
                slopes[column] = slopes[column] / len(extended) + ridge
        return gradient

    def _score_classes(self, extended_row):
        return [
            sum(weight * value for weight, value in zip(weights, extended_row))
            for weights in self._weights
        ]


def _apply_softmax(scores):
    # Subtracting the maximum changes nothing in the result and keeps exp() from overflowing.
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


class NearestNeighbours:
    """The majority class among the nearest training rows (Cover and Hart 1967).

    Of two classes with equally many votes the one with the nearest member wins.
    """

    def __init__(self, neighbour_count=5):
        self._neighbour_count = neighbour_count

    def fit(self, rows, labels):
        self._rows = list(rows)
        self._labels = list(labels)
        return self

    def predict(self, row):
        distances = (
            (math.dist(row, known), position) for position, known in enumerate(self._rows)
        )
        nearest = heapq.nsmallest(self._neighbour_count, distances)
        # most_common keeps the order of first appearance among equals: nearest first.
        votes = Counter(self._labels[position] for _, position in nearest)
        return votes.most_common(1)[0][0]


class Leaf(NamedTuple):
    """The end of a branch: the class of each row that arrives here."""

    label: int


class Branch(NamedTuple):
    """A question about one column: rows up to the threshold go below, the others above."""

    column: int
    threshold: float
    below: Union["Branch", Leaf]
    above: Union["Branch", Leaf]


class RandomForest:
    """Many decision trees that differ by chance, and a majority vote (Breiman 2001).

    Each tree grows on a bootstrap sample and looks at a random choice of columns at each branch;
    branches minimise the Gini impurity (Breiman, Friedman, Olshen, Stone 1984).
    """

    # The penguins need a depth near 10.  The bound keeps the recursion far from the interpreter's
    # limit whatever the data.
    _DEPTH_MAX = 64

    def __init__(self, generator, tree_count=40):
        self._generator = generator
        self._tree_count = tree_count

    def fit(self, rows, labels):
        self._rows = rows
        self._labels = labels
        self._class_count = max(labels) + 1
        self._columns_per_branch = max(1, math.isqrt(len(rows[0])))
        everyone = range(len(rows))
        self._trees = [
            self._grow(self._generator.choices(everyone, k=len(rows)), depth=0)
            for _ in range(self._tree_count)
        ]
        # The trees hold all that was learnt; prediction must not be able to look at the labels.
        del self._rows, self._labels
        return self

    def predict(self, row):
        votes = [0] * self._class_count
        for tree in self._trees:
            votes[_descend(tree, row)] += 1
        return votes.index(max(votes))

    def _grow(self, members, depth):
        counts = self._count_labels(members)
        majority = Leaf(counts.index(max(counts)))
        if max(counts) == len(members) or depth == self._DEPTH_MAX:
            return majority
        split = self._choose_split(members, counts)
        if split is None:
            return majority
        column, threshold = split
        below = [member for member in members if self._rows[member][column] <= threshold]
        above = [member for member in members if self._rows[member][column] > threshold]
        return Branch(
            column, threshold, self._grow(below, depth + 1), self._grow(above, depth + 1)
        )

    def _choose_split(self, members, counts):
        """Return the best (column, threshold), or nothing where all members are alike.

        Columns that are constant here do not count among those that a branch may look at.
        """
        columns = list(range(len(self._rows[0])))
        self._generator.shuffle(columns)
        candidates = []
        for column in columns:
            candidate = self._find_threshold(members, counts, column)
            if candidate is not None:
                purity, threshold = candidate
                candidates.append((purity, column, threshold))
            if len(candidates) == self._columns_per_branch:
                break
        return max(candidates)[1:] if candidates else None

    def _find_threshold(self, members, counts, column):
        """Return (purity, threshold) of the best cut of one column, or nothing if it is constant.

        Minimising the weighted Gini impurity is the same as maximising, over both sides, the sum
        of squared class counts divided by the size of the side.  Both sums of squares are carried
        along while the cut moves through the sorted values.
        """
        ordered = sorted((self._rows[member][column], self._labels[member]) for member in members)
        below, above = [0] * self._class_count, list(counts)
        squares_below, squares_above = 0, sum(count * count for count in counts)
        best = None
        for size, ((value, label), (following, _)) in enumerate(zip(ordered, ordered[1:]), start=1):
            squares_below += 2 * below[label] + 1
            squares_above -= 2 * above[label] - 1
            below[label] += 1
            above[label] -= 1
            if value == following:
                continue
            purity = squares_below / size + squares_above / (len(ordered) - size)
            if best is None or purity > best[0]:
                best = (purity, _choose_middle(value, following))
        return best

    def _count_labels(self, members):
        counts = [0] * self._class_count
        for member in members:
            counts[self._labels[member]] += 1
        return counts


def _choose_middle(low, high):
    # Between two neighbouring floating-point numbers the middle rounds to one of them; it must
    # not be the higher, or the side above would be empty.
    middle = low + (high - low) / 2
    return middle if middle < high else low


def _descend(tree, row):
    while isinstance(tree, Branch):
        tree = tree.below if row[tree.column] <= tree.threshold else tree.above
    return tree.label
