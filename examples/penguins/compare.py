#!/usr/bin/env python3
"""Compare three classifiers on the Palmer penguins by repeated stratified cross-validation.

The species is predicted from four body measurements.  The island and the sex are not used: two of
the three species live on one island only, so the island nearly gives the answer away, and the sex
of some birds is not known.
"""

import argparse
import csv
import math
import os
import random
import re
import sys
from collections import Counter
from typing import List, NamedTuple

from metrics import (
    add_matrices, average_scores, compute_scores, count_confusions, split_stratified,
)
from models import LogisticRegression, NearestNeighbours, RandomForest, StandardScaler
from picture import draw_confusion

SPECIES_COLUMN = "species"
MEASUREMENT_COLUMNS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
MISSING_MARKS = ("", ".", "NA")
# No penguin comes near it; it keeps the squares that the models take far from overflowing.
MEASUREMENT_MAX = 1_000_000
CSV_HEADER = ("Model", "accuracy", "precision", "recall", "f1")

# Each model is made anew for each fold; the generator is the only source of chance in it.
MODELS = {
    "logistic regression": lambda generator: LogisticRegression(),
    "nearest neighbours": lambda generator: NearestNeighbours(),
    "random forest": RandomForest,
}


class InputError(Exception):
    """The input cannot be used; the message says why in words meant for the user."""


class Penguins(NamedTuple):
    """The birds with four measurements each; a label is a position in `species`."""

    species: List[str]
    rows: List[List[float]]
    labels: List[int]
    dropped_count: int


class Evaluation(NamedTuple):
    """What cross-validation found about one model: one confusion matrix for each repeat."""

    model_name: str
    matrices: list

    @property
    def scores(self):
        """The scores of the whole of each repeat, averaged over the repeats."""
        return average_scores([compute_scores(matrix) for matrix in self.matrices])


def main(arguments=None):
    """Run the comparison; return 0, 2 for input that cannot be used, 1 for a failed write."""
    options = parse_options(arguments)
    try:
        penguins = read_penguins(options.data)
        require_enough_birds(penguins, options.folds)
    except InputError as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    describe_penguins(penguins, options)
    evaluations = evaluate_models(penguins, options)
    print_table(evaluations)
    try:
        written = write_results(evaluations, penguins, options)
    except OSError as error:
        print(f"compare.py: cannot write the results: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"wrote {path}")
    return 0


def parse_options(arguments):
    """Return the options; argparse itself leaves with status 2 when they make no sense."""
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=parse_positive, default=2, metavar="N",
                        help="how often to repeat the cross-validation (default %(default)s)")
    parser.add_argument("--folds", type=parse_positive, default=10, metavar="N",
                        help="folds of one cross-validation, at least 2 (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="the same seed gives the same results (default %(default)s)")
    parser.add_argument("--out", metavar="DIR",
                        default=os.environ.get("REEVE_RESULTS_DIR") or "results-penguins",
                        help="where to write (default $REEVE_RESULTS_DIR or ./results-penguins)")
    parser.add_argument("--data", metavar="FILE", default=os.path.join(here, "penguins.csv"),
                        help="the table to read (default: penguins.csv beside this program)")
    options = parser.parse_args(arguments)
    if options.folds < 2:
        parser.error("argument --folds: cross-validation needs at least 2 folds")
    return options


def parse_positive(text):
    """Return a count from the command line; the limit only catches slips of the finger."""
    number = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999999")
    return number


def read_penguins(path):
    """Read the table, leaving out each bird with a missing measurement and counting it."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            wanted = (SPECIES_COLUMN, *MEASUREMENT_COLUMNS)
            missing = [name for name in wanted if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} has no column {', '.join(missing)}")
            birds = [parse_bird(record, path, reader.line_num) for record in reader]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a table of comma-separated values: {error}") from error
    complete = [(species, row) for species, row in birds if None not in row]
    species = sorted({name for name, _ in complete})
    return Penguins(
        species=species,
        rows=[row for _, row in complete],
        labels=[species.index(name) for name, _ in complete],
        dropped_count=len(birds) - len(complete),
    )


def parse_bird(record, path, line_number):
    """Return the species and the measurements of one bird, with None for a missing one."""
    species = record[SPECIES_COLUMN].strip()
    if not species:
        raise InputError(f"{path}, line {line_number}: the species is missing")
    row = []
    for column in MEASUREMENT_COLUMNS:
        text = record[column].strip()
        value = None if text in MISSING_MARKS else parse_measurement(text)
        if value is not None and not 0 < value <= MEASUREMENT_MAX:
            raise InputError(f"{path}, line {line_number}: {column} cannot be {text!r}")
        row.append(value)
    return species, row


def parse_measurement(text):
    """Return the number, or not-a-number, which lies in no range, for anything else."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def require_enough_birds(penguins, fold_count):
    """Refuse data in which some fold would hold no bird of some species."""
    if len(penguins.species) < 2:
        raise InputError("at least two species with complete measurements are needed")
    label, count = min(Counter(penguins.labels).items(), key=lambda item: item[1])
    if count < fold_count:
        raise InputError(
            f"only {count} birds of species {penguins.species[label]}, too few for "
            f"{fold_count} folds"
        )


def describe_penguins(penguins, options):
    """Print what was read, what was left out, and what is about to happen."""
    counts = Counter(penguins.labels)
    census = ", ".join(f"{name} {counts[label]}" for label, name in enumerate(penguins.species))
    print(f"{len(penguins.rows)} birds: {census}")
    print(f"{penguins.dropped_count} more dropped, because measurements are missing")
    print(
        f"{options.repeats} x {options.folds}-fold stratified cross-validation, "
        f"seed {options.seed}",
        flush=True,
    )


def evaluate_models(penguins, options):
    """Return an Evaluation of each model; in one repeat all of them see the same folds."""
    matrices = {name: [] for name in MODELS}
    step_count = options.repeats * options.folds * len(MODELS)
    step = 0
    for repeat in range(options.repeats):
        generator = random.Random(f"folds {options.seed} {repeat}")
        folds = split_stratified(penguins.labels, options.folds, generator)
        for name, make_model in MODELS.items():
            total = None
            for number, test_rows in enumerate(folds, start=1):
                generator = random.Random(f"{name} {options.seed} {repeat} {number}")
                matrix = evaluate_fold(penguins, test_rows, make_model(generator))
                total = matrix if total is None else add_matrices(total, matrix)
                step += 1
                print(
                    f"[{step}/{step_count}] {name:<19}  repeat {repeat + 1}/{options.repeats}  "
                    f"fold {number}/{options.folds}  "
                    f"accuracy {compute_scores(matrix).accuracy:.3f}",
                    flush=True,
                )
            matrices[name].append(total)
    return [Evaluation(name, found) for name, found in matrices.items()]


def evaluate_fold(penguins, test_rows, model):
    """Return the confusion matrix of a model trained on all rows but the test rows."""
    held_out = set(test_rows)
    training_rows = [row for row in range(len(penguins.rows)) if row not in held_out]
    scaler = StandardScaler().fit([penguins.rows[row] for row in training_rows])
    model.fit(
        [scaler.transform(penguins.rows[row]) for row in training_rows],
        [penguins.labels[row] for row in training_rows],
    )
    predicted = [model.predict(scaler.transform(penguins.rows[row])) for row in test_rows]
    actual = [penguins.labels[row] for row in test_rows]
    return count_confusions(actual, predicted, len(penguins.species))


def print_table(evaluations):
    """Print the same numbers that go into the table of results."""
    print()
    print(f"{CSV_HEADER[0]:<19}" + "".join(f"{title:>11}" for title in CSV_HEADER[1:]))
    for evaluation in evaluations:
        numbers = "".join(f"{score:>11.4f}" for score in evaluation.scores)
        print(f"{evaluation.model_name:<19}{numbers}")
    print(flush=True)


def write_results(evaluations, penguins, options):
    """Write one picture for each model and then the table; return the paths."""
    os.makedirs(options.out, exist_ok=True)
    name = choose_name()
    written = []
    for evaluation in evaluations:
        # One repeat tests each bird exactly once, so its matrix sums to the number of birds.
        matrix = evaluation.matrices[0]
        accuracy = compute_scores(matrix).accuracy
        canvas = draw_confusion(
            matrix, penguins.species, evaluation.model_name,
            f"{len(penguins.rows)} birds, {options.folds} folds, accuracy {100 * accuracy:.1f} %",
        )
        slug = evaluation.model_name.replace(" ", "_")
        path = os.path.join(options.out, f"{name}_confusion_{slug}.png")
        replace_file(path, canvas.encode())
        written.append(path)
    lines = [",".join(CSV_HEADER)]
    for evaluation in evaluations:
        numbers = (f"{score:.4f}" for score in evaluation.scores)
        lines.append(",".join((evaluation.model_name, *numbers)))
    path = os.path.join(options.out, f"{name}.csv")
    replace_file(path, "".join(line + "\n" for line in lines).encode("utf-8"))
    written.append(path)
    return written


def choose_name():
    """Return the job's name as part of a file name: it may not lead into another directory."""
    return os.environ.get("REEVE_NAME", "").replace("/", "_") or "penguins"


def replace_file(path, content):
    """Write the whole file under another name first, so that no reader ever sees half of it."""
    directory, file_name = os.path.split(path)
    temporary = os.path.join(directory, f".{file_name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


if __name__ == "__main__":
    sys.exit(main())
