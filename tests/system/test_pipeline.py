"""Pipelines of reeve.toml: what is submitted by their names, and what is told of mistakes."""
import json
import os
import pathlib
import re
import tomllib
import unittest

from harness import IS_ROOT, NOBODY, SystemTest

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "penguins" / "reeve.toml"

PROJECT = """
[defaults]
tag = "project"

[pipeline.greet]
description = "Say hello"
command = "printf '%s|' {who} \\"{who}\\" '{who}' n={n} $REEVE_PARAM_n; pwd"
[pipeline.greet.params]
n = { default = 3, min = 1, max = 10, help = "how often" }
who = "world"

[pipeline.words]
command = ["printf", "%s|", "{data}"]
directory = "sub"
time = "1h"
params.data = { type = "path" }

[pipeline.write]
command = "echo of {n} >$REEVE_RESULTS_DIR/file"
name = "write-{n}"
params.n = 1

[pipeline.fails]
command = "false | cat"

[pipeline.env]
command = ["env"]
"""


class PipelineTest(SystemTest):
    """A project with a reeve.toml."""

    config = "[capacity]\ncpus = 16\n"

    def setUp(self):
        super().setUp()
        self.file = self.reeve.work / "reeve.toml"
        self.sub = self.reeve.work / "sub"
        self.sub.mkdir()
        self.write(PROJECT)

    def write(self, text):
        """Replace the file."""
        self.file.write_text(text)

    def assert_nothing_queued(self):
        """Nothing was submitted by this test."""
        self.assertEqual(self.reeve.ls("--all"), [])


class Running(PipelineTest):
    """A name submits what the file describes."""

    def test_a_name_runs_the_pipeline_with_its_defaults(self):
        answer = self.reeve.ok("run", "greet")
        self.assertEqual(answer.out, f"world|world|world|n=3|3|{self.reeve.work}\n")
        job = self.reeve.show(1)
        self.assertEqual((job["name"], job["pipeline"]), ("greet", "greet"))
        self.assertEqual(job["params"], {"n": "3", "who": "world"})
        self.assertEqual(job["tags"], ["project"])

    def test_a_pipeline_has_a_time_limit_and_show_says_whose(self):
        default, own, flag = (self.reeve.submit(*words) for words in (
            ["greet"], ["words", "--param", "data=x"], ["greet", "--time", "2h"]))
        plain = self.reeve.submit("--", "true")
        told = {job: self.reeve.ok("show", job).out for job in (default, own, flag, plain)}
        self.assertIn("time limit   4h00m, the default of pipelines\n", told[default])
        self.assertIn("time limit   1h00m\n", told[own])
        self.assertIn("time limit   2h00m\n", told[flag])
        self.assertNotIn("time limit", told[plain])
        self.assertEqual(self.reeve.show(default)["time_limit_ms"], 4 * 3600 * 1000)

    def test_any_value_reaches_the_script_as_it_is(self):
        for value in ("a b", "", "'", '"', "$(touch hit)", "`touch hit`", "'; touch hit #",
                      '"; touch hit #', "a\ntouch hit\n", "\\", "*", "${HOME}", "-n", "\\'$(x)'"):
            with self.subTest(value=value):
                answer = self.reeve.ok("run", "greet", "--param", f"who={value}")
                self.assertEqual(answer.out,
                                 f"{value}|{value}|{value}|n=3|3|{self.reeve.work}\n")
        self.assertEqual(sorted(path.name for path in self.reeve.work.iterdir()),
                         ["reeve.toml", "results", "sub"])

    def test_results_stand_beside_the_file(self):
        number = self.reeve.submit("write", "--param", "n=7", cwd=self.sub)
        self.assertEqual(self.reeve.wait(number), 0)
        job = self.reeve.show(number)
        path = pathlib.Path(job["results_dir"])
        self.assertEqual(path.parent.parent, self.reeve.work / "results")
        self.assertEqual((path.name, (path / "file").read_text()), ("write-7", "of 7\n"))

    def test_paths_are_seen_from_where_they_were_written(self):
        answer = self.reeve.ok("run", "words", "--param", "data=x.csv", cwd=self.sub)
        self.assertEqual(answer.out, f"{self.sub}/x.csv|")
        answer = self.reeve.ok("run", "words", "--param", "data=../x.csv", cwd=self.sub)
        self.assertEqual(answer.out, f"{self.reeve.work}/x.csv|")
        self.assertEqual(self.reeve.show(1)["directory"], str(self.sub))

    def test_the_file_is_found_from_below(self):
        self.assertIn("world", self.reeve.ok("run", "greet", cwd=self.sub).out)

    def test_the_exit_code_is_that_of_the_pipe(self):
        self.assertEqual(self.reeve.run("run", "fails").code, 1)

    def test_options_win_over_the_file_and_lists_grow(self):
        job = self.reeve.ended("--priority", "high", "greet", "--tag", "mine", "-J", "other")
        self.assertEqual((job["priority"], job["name"]), ("high", "other"))
        self.assertEqual(job["tags"], ["project", "mine"])

    def test_further_words_are_appended(self):
        answer = self.reeve.ok("run", "words", "--param", "data=/d", "--", "a b", "--json")
        self.assertEqual(answer.out, "/d|a b|--json|")
        self.assert_refused(self.reeve.run("run", "greet", "--", "a"), 2)

    def test_each_parameter_is_a_variable(self):
        self.write(self.file.read_text() + 'params.title = "x y"\n')
        self.assertIn("REEVE_PARAM_title=x y\n", self.reeve.ok("run", "env").out)

    def test_pipeline_run_does_the_same(self):
        answer = self.reeve.ok("pipeline", "run", "greet", "--param", "n=4", "--priority", "low")
        self.assertIn("n=4", answer.out)
        self.assertEqual(self.reeve.show(1)["priority"], "low")

    def test_json_is_the_job_as_it_ended(self):
        answer = self.reeve.run("pipeline", "run", "fails", "--json")
        job = json.loads(answer.out)
        self.assertEqual((answer.code, job["state"], job["exit_code"]), (1, "failed", 1))


class Names(PipelineTest):
    """What a word without `--` means."""

    def test_a_pipeline_wins_over_a_program_and_dashes_mean_the_program(self):
        self.write('[pipeline.env]\ncommand = "echo pipeline"\n')
        self.assertEqual(self.reeve.ok("run", "env").out, "pipeline\n")
        self.assertIn("REEVE_JOB_ID=", self.reeve.ok("run", "--", "env").out)

    def test_a_program_that_is_no_pipeline_is_run(self):
        self.assertEqual(self.reeve.ok("run", "echo", "--param", "x").out, "--param x\n")

    def test_a_wrong_name_is_told_with_the_nearest(self):
        answer = self.reeve.run("run", "gret")
        self.assert_refused(answer, 2)
        self.assert_told(answer.err, "did you mean `greet`?")
        answer = self.reeve.run("submit", "no-such-thing-at-all")
        self.assert_refused(answer, 2)
        self.assert_told(answer.err, "greet, words, write")
        self.assert_nothing_queued()

    def test_without_a_file_a_word_is_a_command(self):
        self.file.unlink()
        self.assertEqual(self.reeve.run("run", "no-such-program").code, 127)
        self.assert_refused(self.reeve.run("pipeline", "ls"), 1)
        self.assert_refused(self.reeve.run("run", "--param", "n=1", "--", "true"), 2)

    def test_options_of_a_program_of_that_name_are_explained(self):
        answer = self.reeve.run("run", "env", "-i")
        self.assert_refused(answer, 2)
        self.assert_told(answer.err, "reeve run -- env")
        self.assert_nothing_queued()

    def test_a_file_can_be_named(self):
        other = self.reeve.work / "other.toml"
        other.write_text('[pipeline.x]\ncommand = "echo other"\n')
        self.assertEqual(self.reeve.ok("run", "--file", other, "x").out, "other\n")
        self.assertEqual(self.reeve.ok("pipeline", "run", "x", "--file", other).out, "other\n")
        self.assert_refused(self.reeve.run("run", "--file", other, "env"), 2)

    @unittest.skipUnless(IS_ROOT, "needs root, to give a file away")
    def test_a_file_of_somebody_else_is_not_used_unasked(self):
        os.chown(self.file, NOBODY, NOBODY)
        answer = self.reeve.run("run", "greet")
        self.assert_refused(answer, 1)
        self.assert_told(answer.err, "belongs to another user", "--file")
        self.assertEqual(self.reeve.ok("run", "echo", "x").out, "x\n")
        self.reeve.ok("run", "--file", self.file, "greet")


class Mistakes(PipelineTest):
    """Nothing is queued from a file, or with a value, that is wrong."""

    def test_wrong_values_are_refused_before_anything_is_queued(self):
        for given in (["n=0"], ["n=11"], ["n=x"], ["m=1"], ["n"], ["n=1", "n=0"]):
            with self.subTest(given=given):
                words = [word for text in given for word in ("--param", text)]
                self.assert_refused(self.reeve.run("submit", "greet", *words), 2)
        self.assert_refused(self.reeve.run("submit", "words"), 2)
        self.assert_refused(self.reeve.run("submit", "write", "--param", "n=1", "--shell", "x"), 2)
        self.assert_nothing_queued()

    def test_all_mistakes_of_a_file_are_told_and_it_is_not_used(self):
        self.write('[pipeline.x]\ncommand = "true"\ncpus = "two"\ntiem = 1\n')
        answer = self.reeve.run("run", "x")
        self.assert_refused(answer, 2)
        self.assertEqual(answer.err.splitlines(), [
            f"reeve: {self.file}:3:8: `cpus`: expected a whole number, not `two`",
            f"reeve: {self.file}:4:1: unknown key `tiem`; did you mean `time`?"])
        self.assert_refused(self.reeve.run("pipeline", "ls"), 2)
        self.assertEqual(self.reeve.ok("run", "echo", "x").out, "x\n")
        self.assertEqual(len(self.reeve.ls("--all")), 1)

    def test_check_looks_at_both_files_and_exits_with_78(self):
        self.assertEqual(self.reeve.ok("config", "check").out.splitlines(),
                         [f"{self.file}: no mistakes, 5 pipelines",
                          f"{self.reeve.home}/config.toml: no mistakes"])
        (self.reeve.home / "config.toml").write_text(
            '[capacity]\ncpus = "2"\nmemroy = 1\n[queues]\n')
        self.write("[pipeline.x]\n")
        answer = self.reeve.run("config", "check")
        self.assertEqual((answer.code, answer.out.splitlines()), (78, [
            f"{self.file}:1:11: the pipeline `x` has no `command`",
            f"{self.reeve.home}/config.toml:2:8: `cpus`: expected a whole number",
            f"{self.reeve.home}/config.toml:3:1: unknown key `memroy`; did you mean `memory`?",
            f"{self.reeve.home}/config.toml:4:2: unknown key `queues`; did you mean `queue`?"]))
        told = json.loads(self.reeve.run("config", "check", "--json").out)
        self.assertEqual([(file["kind"], len(file["mistakes"])) for file in told],
                         [("pipelines", 1), ("daemon", 3)])
        self.assertEqual(told[0]["mistakes"][0], {
            "line": 1, "column": 11, "message": "the pipeline `x` has no `command`"})
        answer = self.reeve.run("config", "check", self.reeve.home / "config.toml")
        self.assertEqual((answer.code, len(answer.out.splitlines())), (78, 3))
        self.assertEqual(self.reeve.run("config", "check", "missing.toml").code, 78)

    def test_a_daemon_with_a_wrong_configuration_tells_the_first_and_how_many(self):
        (self.reeve.home / "config.toml").write_text("[a]\n[b]\n[c]\n")
        answer = self.reeve.run("daemon", "run")
        self.assertNotEqual(answer.code, 0)
        self.assert_told(answer.err, "config.toml:1:2: unknown key `a`", "2 more")


def type_of(value):
    """The JSON Schema types that a value has."""
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    for kind, name in ((float, "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return {name}
    return set()


# What `faults` below looks at; a schema with anything else would be judged wrongly.
KNOWN = {"title", "description", "type", "enum", "anyOf", "items", "minItems", "minLength",
         "properties", "additionalProperties", "required", "propertyNames", "maxProperties",
         "pattern", "maxLength"}


def faults(value, schema, place="$"):
    """Where a value does not fit a schema, as far as the schema of reeve.toml needs it."""
    unknown = set(schema) - KNOWN
    if unknown:
        raise AssertionError(f"a word of JSON Schema that this test does not know: {unknown}")
    types = schema.get("type", [])
    types = {types} if isinstance(types, str) else set(types)
    if types and not types & type_of(value):
        return [f"{place}: no {types}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place}: none of {schema['enum']}")
    if "anyOf" in schema and all(faults(value, one, place) for one in schema["anyOf"]):
        found.append(f"{place}: fits no form")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{place}: too short")
        for number, item in enumerate(value):
            found += faults(item, schema.get("items", {}), f"{place}[{number}]")
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            found.append(f"{place}: length")
        if not re.search(schema.get("pattern", ""), value):
            found.append(f"{place}: pattern")
    if isinstance(value, dict):
        found += [f"{place}: {name} is missing" for name in schema.get("required", ())
                  if name not in value]
        for name, item in value.items():
            found += faults(name, schema.get("propertyNames", {}), f"{place}.{name}")
            below = schema.get("properties", {}).get(name,
                                                     schema.get("additionalProperties", {}))
            if below is False:
                found.append(f"{place}.{name}: unknown")
            else:
                found += faults(item, below, f"{place}.{name}")
    return found


class Descriptions(PipelineTest):
    """What is told of pipelines, to people and to programs."""

    def test_pipelines_are_listed_and_shown(self):
        listed = self.reeve.ok("pipeline", "ls").out
        self.assertRegex(listed, r"(?m)^greet +n, who +Say hello$")
        names = [pipeline["name"] for pipeline in
                 json.loads(self.reeve.ok("pipeline", "ls", "--json").out)]
        self.assertEqual(names, ["greet", "words", "write", "fails", "env"])
        shown = self.reeve.ok("pipeline", "show", "greet").out
        self.assertIn("n            int, 1 to 10, default 3: how often\n", shown)
        self.assertIn("4h00m, the default of pipelines", shown)
        greet = json.loads(self.reeve.ok("pipeline", "show", "greet", "--json").out)
        self.assertEqual(greet["params"]["n"], {
            "type": "int", "default": "3", "required": False, "min": 1, "max": 10,
            "help": "how often"})
        self.assertEqual((greet["file"], greet["options"]),
                         (str(self.file), {"tag": "project"}))
        self.assert_refused(self.reeve.run("pipeline", "show", "gret"), 2)

    def test_the_schema_takes_what_is_right_and_refuses_what_is_not(self):
        schema = json.loads(self.reeve.ok("config", "schema").out)
        for text in (PROJECT, EXAMPLE.read_text()):
            self.assertEqual(faults(tomllib.loads(text), schema), [])
            self.write(text)
            self.assertEqual(self.reeve.run("config", "check", self.file).code, 0)
        for wrong in ("x = 1", "[pipeline.x]", "[pipeline.x]\ncommand = 1",
                      "[pipeline.x]\ncommand = []", '[pipeline.x]\ncommand = "a"\ncpu = 1',
                      '[pipeline.x]\ncommand = "a"\nhold = "yes"',
                      '[pipeline.x]\ncommand = "a"\npriority = "urgent"',
                      '[pipeline.x]\ncommand = "a"\ncheck = [{ path = "x" }]',
                      '[pipeline.x]\ncommand = "a"\ncheck = [{ kind = "fils" }]',
                      '[pipeline.x]\ncommand = "a"\nparams.n = { typ = "int" }',
                      '[pipeline.x]\ncommand = "a"\nparams.n = { type = "floot" }',
                      '[pipeline.x]\ncommand = "a"\nparams.a-b = 1'):
            with self.subTest(wrong=wrong):
                self.assertNotEqual(faults(tomllib.loads(wrong), schema), [])
                self.write(wrong + "\n")
                self.assertEqual(self.reeve.run("config", "check", self.file).code, 78)

    def test_the_schema_is_one_for_other_validators_too(self):
        try:
            import jsonschema  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest("jsonschema is not installed")
        schema = json.loads(self.reeve.ok("config", "schema").out)
        validator = jsonschema.validators.validator_for(schema)
        validator.check_schema(schema)
        for text in (PROJECT, EXAMPLE.read_text()):
            validator(schema).validate(tomllib.loads(text))
        self.assertFalse(validator(schema).is_valid({"pipeline": {"x": {"command": 1}}}))


if __name__ == "__main__":
    unittest.main()
