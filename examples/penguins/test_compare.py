"""Tests of the penguin example; run `python3 -m unittest discover -s examples/penguins`."""

import csv
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

import compare
from font import lay_out_text
from metrics import (
    Scores, add_matrices, average_scores, compute_scores, count_confusions, split_stratified,
)
from models import LogisticRegression, NearestNeighbours, RandomForest, StandardScaler
from picture import choose_colours, draw_confusion
from png import SIGNATURE, Canvas, render_text, turn_left

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "compare.py")


class DecodedPicture:
    """The pixels of a PNG file, read back by the rules of the format alone."""

    def __init__(self, content):
        if not content.startswith(SIGNATURE):
            raise ValueError("the signature is missing")
        chunks = list(read_chunks(content[len(SIGNATURE):]))
        kinds = [kind for kind, _ in chunks]
        if kinds != [b"IHDR", b"IDAT", b"IEND"]:
            raise ValueError(f"unexpected chunks {kinds}")
        self.width, self.height, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
        if kind != [8, 2, 0, 0, 0]:
            raise ValueError(f"unexpected kind of picture {kind}")
        self._scanlines = zlib.decompress(chunks[1][1])
        self._stride = 1 + 3 * self.width
        if len(self._scanlines) != self._stride * self.height:
            raise ValueError("the number of pixels does not match the header")
        if any(self._scanlines[::self._stride]):
            raise ValueError("a filter is used that this reader does not know")

    def get_pixel(self, column, row):
        start = row * self._stride + 1 + 3 * column
        return tuple(self._scanlines[start:start + 3])

    def count_colours(self):
        return len({
            self.get_pixel(column, row) for row in range(self.height)
            for column in range(self.width)
        })


def read_chunks(content):
    """Yield the kind and data of each chunk, after checking its length and checksum."""
    while content:
        length = struct.unpack(">I", content[:4])[0]
        kind, data = content[4:8], content[8:8 + length]
        checksum = struct.unpack(">I", content[8 + length:12 + length])[0]
        if checksum != zlib.crc32(kind + data):
            raise ValueError(f"the checksum of {kind} is wrong")
        yield kind, data
        content = content[12 + length:]


def make_clouds(count, seed):
    """Return rows in three well separated clouds, and their labels."""
    generator = random.Random(seed)
    centres = [(0.0, 0.0), (8.0, 0.0), (0.0, 8.0)]
    rows, labels = [], []
    for _ in range(count):
        for label, centre in enumerate(centres):
            rows.append([generator.gauss(middle, 1.0) for middle in centre])
            labels.append(label)
    return rows, labels


def make_chessboard(count, seed):
    """Return rows in four clouds, where opposite corners share a label: no line separates them."""
    generator = random.Random(seed)
    rows, labels = [], []
    for _ in range(count):
        for horizontal in (-3, 3):
            for vertical in (-3, 3):
                rows.append([generator.gauss(horizontal, 1.0), generator.gauss(vertical, 1.0)])
                labels.append(int(horizontal == vertical))
    return rows, labels


def measure_accuracy(model, rows, labels):
    return sum(model.predict(row) == label for row, label in zip(rows, labels)) / len(rows)


class MetricsTest(unittest.TestCase):
    def test_scores_agree_with_numbers_computed_by_hand(self):
        # Precisions 4/5, 3/5, 2/2; recalls 4/6, 3/4, 2/2; F1 8/11, 6/9, 1.
        scores = compute_scores([[4, 2, 0], [1, 3, 0], [0, 0, 2]])
        self.assertAlmostEqual(scores.accuracy, 9 / 12)
        self.assertAlmostEqual(scores.precision, (4 / 5 + 3 / 5 + 1) / 3)
        self.assertAlmostEqual(scores.recall, (4 / 6 + 3 / 4 + 1) / 3)
        self.assertAlmostEqual(scores.f1, (8 / 11 + 6 / 9 + 1) / 3)

    def test_class_that_is_never_predicted_counts_as_zero(self):
        scores = compute_scores([[3, 0], [1, 0]])
        self.assertEqual(scores, Scores(3 / 4, (3 / 4 + 0) / 2, 1 / 2, (6 / 7 + 0) / 2))

    def test_confusions_put_the_actual_class_into_rows(self):
        self.assertEqual(count_confusions([0, 0, 1, 1], [0, 1, 1, 1], 2), [[1, 1], [0, 2]])

    def test_confusions_refuse_lists_of_different_length(self):
        with self.assertRaises(ValueError):
            count_confusions([0, 1], [0], 2)

    def test_matrices_add_and_scores_average_elementwise(self):
        self.assertEqual(add_matrices([[1, 2], [3, 4]], [[5, 0], [0, 1]]), [[6, 2], [3, 5]])
        average = average_scores([Scores(1.0, 0.5, 0.25, 0.0), Scores(0.0, 0.5, 0.75, 1.0)])
        self.assertEqual(average, Scores(0.5, 0.5, 0.5, 0.5))


class StratifiedFoldsTest(unittest.TestCase):
    def setUp(self):
        self.labels = [0] * 151 + [1] * 68 + [2] * 123
        random.Random(3).shuffle(self.labels)
        self.folds = split_stratified(self.labels, 10, random.Random(7))

    def test_folds_hold_each_row_exactly_once(self):
        rows = sorted(row for fold in self.folds for row in fold)
        self.assertEqual(rows, list(range(len(self.labels))))

    def test_folds_differ_in_size_by_one_at_most(self):
        self.assertEqual({len(fold) for fold in self.folds}, {34, 35})

    def test_folds_keep_the_share_of_each_class(self):
        for label, sizes in ((0, {15, 16}), (1, {6, 7}), (2, {12, 13})):
            counts = {sum(self.labels[row] == label for row in fold) for fold in self.folds}
            self.assertEqual(counts, sizes)

    def test_folds_depend_on_the_generator_only(self):
        self.assertEqual(self.folds, split_stratified(self.labels, 10, random.Random(7)))
        self.assertNotEqual(self.folds, split_stratified(self.labels, 10, random.Random(8)))


class ModelsTest(unittest.TestCase):
    def test_each_model_learns_separable_clouds(self):
        rows, labels = make_clouds(count=30, seed=1)
        unseen_rows, unseen_labels = make_clouds(count=30, seed=2)
        for model in (LogisticRegression(), NearestNeighbours(), RandomForest(random.Random(1))):
            with self.subTest(type(model).__name__):
                model.fit(rows, labels)
                self.assertGreaterEqual(
                    measure_accuracy(model, unseen_rows, unseen_labels), 0.98)

    def test_only_the_linear_model_fails_on_a_chessboard(self):
        rows, labels = make_chessboard(count=30, seed=1)
        unseen_rows, unseen_labels = make_chessboard(count=30, seed=2)
        accuracies = [
            measure_accuracy(model.fit(rows, labels), unseen_rows, unseen_labels)
            for model in (
                LogisticRegression(), NearestNeighbours(), RandomForest(random.Random(1)))
        ]
        self.assertLess(accuracies[0], 0.8)
        self.assertGreater(accuracies[1], 0.95)
        self.assertGreater(accuracies[2], 0.95)

    def test_nearest_neighbours_break_a_tie_in_favour_of_the_nearest(self):
        model = NearestNeighbours(neighbour_count=4)
        model.fit([[1.0], [2.0], [-1.5], [-1.6], [50.0]], [1, 1, 0, 0, 0])
        self.assertEqual(model.predict([0.0]), 1)
        self.assertEqual(model.predict([-0.5]), 0)

    def test_forest_repeats_itself_with_the_same_generator(self):
        rows, labels = make_chessboard(count=10, seed=1)
        labels[::7] = [1 - label for label in labels[::7]]
        unseen_rows, _ = make_chessboard(count=20, seed=2)
        first, second = (
            [model.predict(row) for row in unseen_rows]
            for model in (RandomForest(random.Random(5)).fit(rows, labels) for _ in range(2))
        )
        self.assertEqual(first, second)

    def test_forest_answers_where_equal_rows_have_different_labels(self):
        model = RandomForest(random.Random(1)).fit([[1.0, 2.0]] * 9, [0, 1, 1] * 3)
        self.assertEqual(model.predict([1.0, 2.0]), 1)

    def test_forest_separates_neighbouring_floating_point_numbers(self):
        low, high = 1.0, 1.0 + sys.float_info.epsilon
        model = RandomForest(random.Random(1)).fit([[low], [high]] * 10, [0, 1] * 10)
        self.assertEqual((model.predict([low]), model.predict([high])), (0, 1))

    def test_scaler_gives_mean_zero_and_deviation_one(self):
        scaler = StandardScaler().fit([[1.0, 7.0], [3.0, 7.0]])
        self.assertEqual(scaler.transform([1.0, 7.0]), [-1.0, 0.0])
        self.assertEqual(scaler.transform([5.0, 7.0]), [3.0, 0.0])


class RecordingModel:
    """A model that keeps what it was shown and always answers 0."""

    def fit(self, rows, labels):
        self.fitted = (rows, labels)
        self.asked = []

    def predict(self, row):
        self.asked.append(row)
        return 0


class LeakageTest(unittest.TestCase):
    def setUp(self):
        rows, labels = make_clouds(count=40, seed=4)
        self.penguins = compare.Penguins(["first", "second", "third"], rows, labels, 0)
        self.test_rows = [0, 1, 2, 50, 60]

    def test_training_sees_neither_values_nor_labels_of_the_test_rows(self):
        model = RecordingModel()
        compare.evaluate_fold(self.penguins, self.test_rows, model)
        before = model.fitted
        for row in self.test_rows:
            self.penguins.rows[row] = [1e5, -1e5]
            self.penguins.labels[row] = (self.penguins.labels[row] + 1) % 3
        compare.evaluate_fold(self.penguins, self.test_rows, model)
        self.assertEqual(model.fitted, before)
        self.assertEqual(len(model.fitted[0]), len(self.penguins.rows) - len(self.test_rows))
        self.assertEqual(len(model.asked), len(self.test_rows))

    def test_scaling_is_learnt_from_the_training_rows(self):
        model = RecordingModel()
        compare.evaluate_fold(self.penguins, self.test_rows, model)
        for column in zip(*model.fitted[0]):
            self.assertAlmostEqual(sum(column) / len(column), 0.0)
            self.assertAlmostEqual(sum(value * value for value in column) / len(column), 1.0)

    def test_shuffled_labels_leave_every_model_near_chance(self):
        random.Random(9).shuffle(self.penguins.labels)
        folds = split_stratified(self.penguins.labels, 3, random.Random(1))
        for name, make_model in compare.MODELS.items():
            with self.subTest(name):
                correct = 0
                for fold in folds:
                    model = make_model(random.Random(1))
                    matrix = compare.evaluate_fold(self.penguins, fold, model)
                    correct += sum(matrix[label][label] for label in range(3))
                self.assertLess(correct / len(self.penguins.rows), 0.5)


class PictureTest(unittest.TestCase):
    def test_encoded_canvas_decodes_to_the_same_pixels(self):
        canvas = Canvas(7, 5, (10, 20, 30))
        canvas.fill_rectangle(2, 1, 3, 2, (200, 100, 0))
        canvas.blend_mask(0, 4, [[0.0, 0.5, 1.0]], (110, 120, 130))
        decoded = DecodedPicture(canvas.encode())
        self.assertEqual((decoded.width, decoded.height), (7, 5))
        for row in range(5):
            for column in range(7):
                inside = 2 <= column < 5 and 1 <= row < 3
                expected = (200, 100, 0) if inside else (10, 20, 30)
                if row == 4:
                    expected = {1: (60, 70, 80), 2: (110, 120, 130)}.get(column, expected)
                self.assertEqual(decoded.get_pixel(column, row), expected)
                self.assertEqual(canvas.get_pixel(column, row), expected)

    def test_drawing_outside_of_the_canvas_is_refused(self):
        canvas = Canvas(4, 4, (0, 0, 0))
        with self.assertRaises(ValueError):
            canvas.fill_rectangle(2, 0, 3, 1, (1, 1, 1))
        with self.assertRaises(ValueError):
            canvas.blend_mask(0, -1, [[1.0]], (1, 1, 1))

    def test_text_is_enlarged_and_turned(self):
        mask = render_text("L", 2)
        pixels = lay_out_text("L")
        self.assertEqual((len(mask), len(mask[0])), (2 * len(pixels), 2 * len(pixels[0])))
        for row, line in enumerate(mask):
            for column, coverage in enumerate(line):
                self.assertEqual(coverage, float(pixels[row // 2][column // 2]))
        self.assertEqual(turn_left([[1, 2, 3], [4, 5, 6]]), [[3, 6], [2, 5], [1, 4]])

    def test_unknown_character_becomes_a_box_and_not_an_error(self):
        self.assertTrue(any(any(row) for row in lay_out_text("\u00e9")))

    def test_confusion_picture_colours_cells_by_share(self):
        canvas = draw_confusion([[9, 1], [0, 5]], ["one", "two"], "model", "remark")
        decoded = DecodedPicture(canvas.encode())
        self.assertGreaterEqual(min(decoded.width, decoded.height), 360)
        found = {
            decoded.get_pixel(column, row)
            for row in range(decoded.height) for column in range(decoded.width)
        }
        for share, is_right in ((0.9, True), (0.1, False), (0.0, False), (1.0, True)):
            fill, ink = choose_colours(share, is_right)
            self.assertIn(fill, found)
            self.assertIn(ink, found)

    def test_confusion_picture_makes_room_for_long_names(self):
        draw_confusion([[1, 0], [0, 1]], ["a" * 80, "b"], "t" * 200, "remark")


class ReadingTest(unittest.TestCase):
    def test_real_table_loses_exactly_the_birds_without_measurements(self):
        penguins = compare.read_penguins(os.path.join(HERE, "penguins.csv"))
        self.assertEqual(penguins.species, ["Adelie", "Chinstrap", "Gentoo"])
        self.assertEqual(penguins.dropped_count, 2)
        counts = [penguins.labels.count(label) for label in range(3)]
        self.assertEqual(counts, [151, 68, 123])
        self.assertEqual(penguins.rows[0], [39.1, 18.7, 181.0, 3750.0])


class ProgramTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def run_program(self, *arguments, **variables):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("REEVE_")
        }
        environment.update(variables)
        return subprocess.run(
            [sys.executable, PROGRAM, "--repeats", "1", "--folds", "3", *arguments],
            cwd=self.directory, env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )

    def write_table(self, text):
        path = os.path.join(self.directory, "table.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def assert_refused(self, completed, words):
        self.assertEqual(completed.returncode, 2, completed.stderr)
        self.assertIn(words, completed.stderr)
        self.assertNotIn("Traceback", completed.stderr)

    def test_program_writes_the_table_and_the_pictures(self):
        results = os.path.join(self.directory, "deep", "results")
        completed = self.run_program(REEVE_RESULTS_DIR=results, REEVE_NAME="birds")
        self.assertEqual(completed.returncode, 0, completed.stderr)
        slugs = ("logistic_regression", "nearest_neighbours", "random_forest")
        pictures = [f"birds_confusion_{slug}.png" for slug in slugs]
        self.assertEqual(sorted(os.listdir(results)), sorted(["birds.csv", *pictures]))
        with open(os.path.join(results, "birds.csv"), newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        self.assertEqual(header, ["Model", "accuracy", "precision", "recall", "f1"])
        self.assertEqual([row[0] for row in rows], [slug.replace("_", " ") for slug in slugs])
        for row in rows:
            for number in row[1:]:
                self.assertRegex(number, r"^[01]\.[0-9]{4}$")
                self.assertGreater(float(number), 0.93)
        for picture in pictures:
            with open(os.path.join(results, picture), "rb") as file:
                decoded = DecodedPicture(file.read())
            self.assertGreaterEqual(min(decoded.width, decoded.height), 360)
            self.assertGreater(decoded.count_colours(), 5)
        self.assert_progress(completed.stdout)

    def assert_progress(self, output):
        lines = [line for line in output.splitlines() if line.startswith("[")]
        self.assertEqual(
            [line.split()[0] for line in lines], [f"[{step}/9]" for step in range(1, 10)])
        self.assertRegex(lines[4], r"^\[5/9\] nearest neighbours +repeat 1/1  fold 2/3  accuracy ")
        self.assertIn("2 more dropped", output)

    def test_same_seed_gives_the_same_files(self):
        contents = []
        for name in ("first", "second"):
            completed = self.run_program("--out", name, "--seed", "5")
            self.assertEqual(completed.returncode, 0, completed.stderr)
            directory = os.path.join(self.directory, name)
            files = {}
            for file_name in sorted(os.listdir(directory)):
                with open(os.path.join(directory, file_name), "rb") as file:
                    files[file_name] = file.read()
            contents.append(files)
        self.assertIn("penguins.csv", contents[0])
        self.assertEqual(contents[0], contents[1])

    def test_job_name_cannot_lead_out_of_the_results(self):
        completed = self.run_program(REEVE_NAME="../birds")
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual(os.listdir(self.directory), ["results-penguins"])
        self.assertIn(".._birds.csv", os.listdir(os.path.join(self.directory, "results-penguins")))

    def test_missing_file_is_refused(self):
        self.assert_refused(self.run_program("--data", "absent.csv"), "cannot read absent.csv")

    def test_directory_instead_of_a_file_is_refused(self):
        self.assert_refused(self.run_program("--data", self.directory), "cannot read")

    def test_missing_columns_are_named(self):
        path = self.write_table("species,bill_length_mm,body_mass_g\nAdelie,39.1,3750\n")
        self.assert_refused(
            self.run_program("--data", path), "no column bill_depth_mm, flipper_length_mm")

    def test_empty_file_is_refused(self):
        self.assert_refused(self.run_program("--data", self.write_table("")), "no column species")

    def test_file_that_is_no_text_is_refused(self):
        path = os.path.join(self.directory, "table.csv")
        with open(path, "wb") as file:
            file.write(b"\xff\xfe\x00species")
        self.assert_refused(self.run_program("--data", path), "is not a table")

    def test_value_that_is_no_measurement_is_refused_with_its_line(self):
        header = ",".join((compare.SPECIES_COLUMN, *compare.MEASUREMENT_COLUMNS))
        for value in ("wide", "nan", "inf", "-3", "0", "1e300"):
            with self.subTest(value):
                path = self.write_table(f"{header}\nA,1,2,3,4\nA,1,2,{value},4\n")
                self.assert_refused(
                    self.run_program("--data", path), "line 3: flipper_length_mm cannot be")

    def test_more_folds_than_birds_of_a_species_are_refused(self):
        self.assert_refused(self.run_program("--folds", "69"), "only 68 birds of species Chinstrap")

    def test_single_species_is_refused(self):
        header = ",".join((compare.SPECIES_COLUMN, *compare.MEASUREMENT_COLUMNS))
        path = self.write_table(f"{header}\n" + "A,1,2,3,4\n" * 9 + "B,1,2,,4\n" * 9)
        self.assert_refused(self.run_program("--data", path), "at least two species")

    def test_senseless_options_are_refused(self):
        for option in (("--folds", "1"), ("--repeats", "0"), ("--folds", "x"), ("--seed", "x")):
            with self.subTest(option):
                self.assert_refused(self.run_program(*option), f"argument {option[0]}")

    def test_results_that_cannot_be_written_fail_in_plain_words(self):
        path = self.write_table("in the way")
        completed = self.run_program("--out", path)
        self.assertEqual(completed.returncode, 1)
        self.assertIn("cannot write the results", completed.stderr)
        self.assertNotIn("Traceback", completed.stderr)


if __name__ == "__main__":
    unittest.main()
