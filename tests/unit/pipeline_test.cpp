// What reeve.toml may say, and what is told of each mistake.

#include "pipeline/pipeline.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>

#include "base/json.h"
#include "core/limits.h"
#include "core/spec_json.h"
#include "pipeline/job_options.h"
#include "pipeline/pipeline_file.h"
#include "pipeline/schema.h"
#include "support.h"

namespace reeve::test {
namespace {

LoadedPipelines load(std::string_view text) {
  return parse_pipelines(text, "/p/reeve.toml");
}

// The mistakes as people see them, without the path.
std::vector<std::string> mistakes(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string& line : mistake_lines(load(text)))
    out.push_back(line.substr(std::string("/p/reeve.toml:").size()));
  return out;
}

using Lines = std::vector<std::string>;

// The mistakes of one line in a pipeline that is right otherwise; it is line 3.
Lines mistakes_of_line(const std::string& line) {
  return mistakes("[pipeline.x]\ncommand = \"true\"\n" + line + "\n");
}

std::expected<JobSpec, Lines> job(std::string_view text, const Invocation& invocation = {}) {
  const LoadedPipelines loaded = load(text);
  EXPECT_EQ(mistake_lines(loaded), Lines{});
  if (loaded.file.pipelines.empty()) return std::unexpected(Lines{});
  return make_job(loaded.file.pipelines.front(), invocation);
}

Lines faults(std::string_view text, const std::vector<std::string>& params) {
  const auto made = job(text, {params, {}, "/here"});
  return made ? Lines{} : made.error();
}

TEST(PipelineFile, EachKeyReachesTheJob) {
  const auto made = job(R"(
[pipeline.train]
command = ["python3", "train.py", "--n", "{n}", "{{n}}", "${n}", "{}"]
description = "Train"
directory = "sub"
name = "train-{n}"
environment = { A = "a{n}", B = 2, C = 0.5 }
priority = "high"
cpus = 2
mem = "4GB"
counter = { licence = 2 }
lock = "l"
on-busy = "reject"
hold = true
time = "1h"
stall = 0
on-stall = "warn"
on-log-error = "ignore"
fail-on = ["a", "b"]
retry = 3
retry-on = "oom,75"
tag = "t"
secret = ["A"]
stdin = "in.txt"
results-root = "out"
keep-staging = "delete"
[pipeline.train.params]
n = 5
[[pipeline.train.check]]
kind = "files"
path = "{name}_{n}.csv"
severity = "warning"
)");
  ASSERT_TRUE(made);
  JobSpec wanted;
  wanted.name = "train-5";
  wanted.command = {"python3", "train.py", "--n", "5", "{n}", "${n}", "{}"};
  wanted.directory = "/p/sub";
  wanted.environment = {{"A", "a5"}, {"B", "2"}, {"C", "0.5"}, {"REEVE_PARAM_n", "5"}};
  wanted.priority = Priority::high;
  wanted.demand = {2, 4'000'000'000, 0, {{"licence", 2}}, "l"};
  wanted.pin_cpus = true;
  wanted.on_busy = OnBusy::reject;
  wanted.hold = true;
  wanted.time_limit = std::chrono::hours(1);
  wanted.stall = Duration(0);
  wanted.on_stall = OnStall::warn;
  wanted.log.on_error = OnLogError::ignore;
  wanted.log.fail_on = {"a", "b"};
  wanted.retry.retries = 3;
  wanted.retry.on = {"oom", "75"};
  wanted.tags = {"t"};
  wanted.secrets = {"A"};
  wanted.stdin_file = "/p/in.txt";
  wanted.results_root = "/p/out";
  wanted.staging = Staging::discard;
  wanted.pipeline = "train";
  wanted.params = {{"n", "5"}};
  Check check;
  check.path = "{name}_{n}.csv";  // which the check replaces itself
  check.severity = Severity::warning;
  wanted.validation.checks = {check};
  EXPECT_EQ(to_line(spec_to_json(*made)), to_line(spec_to_json(wanted)));
}

TEST(PipelineFile, WhatIsNotSaidHasDefaults) {
  const auto made = job("[pipeline.x]\ncommand = \"a | b\"\n");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->command, (Lines{"bash", "-o", "pipefail", "-c", "a | b"}));
  EXPECT_EQ(made->name, "x");
  EXPECT_EQ(made->directory, "/p");
  EXPECT_EQ(made->results_root, "/p/results");
  EXPECT_EQ(made->time_limit, std::chrono::hours(4));
  EXPECT_TRUE(made->time_limit_is_default);
}

TEST(PipelineFile, TimeLimitThatWasAskedForIsNoDefault) {
  const auto same = job("[pipeline.x]\ncommand = \"a\"\ntime = \"4h\"\n");
  ASSERT_TRUE(same);
  EXPECT_FALSE(same->time_limit_is_default);
  const auto never = job("[pipeline.x]\ncommand = \"a\"\ntime = 0\n");
  ASSERT_TRUE(never);
  EXPECT_FALSE(never->time_limit);
  EXPECT_FALSE(never->time_limit_is_default);
}

TEST(PipelineFile, DefaultsHoldForWhatAPipelineDoesNotSay) {
  const auto made = job(R"(
[defaults]
cpus = 2
memory = "1G"
tag = ["all"]
environment = { A = "1", B = "1" }
[pipeline.x]
command = "a"
mem = "2G"
tag = ["own"]
environment = { B = "2" }
)");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->demand.cpus, 2);
  EXPECT_EQ(made->demand.memory, 2LL << 30);
  EXPECT_EQ(made->tags, Lines{"own"});
  EXPECT_EQ(made->environment, (std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}}));
}

TEST(PipelineFile, OptionNeedsAnotherWhicheverStandsFirst) {
  EXPECT_EQ(mistakes_of_line("on-busy = \"reject\"\nlock = \"l\""), Lines{});
  EXPECT_EQ(mistakes_of_line("on-busy = \"reject\""),
            Lines{"3:11: `on-busy`: on-busy has a meaning only together with a lock"});
}

TEST(PipelineFile, EveryMistakeIsToldAtOnce) {
  EXPECT_EQ(mistakes("[default]\n[pipeline.x]\ncomand = 'a'\ncpus = 'two'\nretry = 500\n"),
            (Lines{"1:2: unknown key `default`; did you mean `defaults`?",
                   "2:11: the pipeline `x` has no `command`",
                   "3:1: unknown key `comand`; did you mean `command`?",
                   "4:8: `cpus`: expected a whole number, not `two`",
                   "5:9: `retry`: retry takes 0 to 100"}));
}

TEST(PipelineFile, EachKindOfMistakeHasItsPlaceAndWords) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"time = \"soon\"",
       "3:8: `time`: expected a duration such as 90, 30m, 1h30m or 2-12:00:00, not `soon`"},
      {"mem = \"lots\"", "3:7: `mem`: expected a size such as 4GB or 512M, not `lots`"},
      {"hold = \"yes\"", "3:8: `hold`: expected true or false"},
      {"cpus = 2020-01-01", "3:8: `cpus`: expected N"},
      {"priority = \"hihg\"",
       "3:12: `priority`: expected low, normal, high or critical, not `hihg`"},
      {"max_workers = 3", "3:1: unknown key `max_workers`; did you mean `max-workers`?"},
      {"mem = 1\nmemory = 2", "4:1: `mem` and `memory` are the same option: give one of them"},
      {"secret = [\"A\", \"B=C\"]", "3:16: `secret`: expected the NAME of a variable, not `B=C`"},
      {"counter = { a = 1, licence = 0 }",
       "3:20: `counter`: expected NAME=N with N of at least 1, not `licence=0`"},
      {"directory = \"~/x\"", "3:13: `directory`: expected a path, and `~` is not expanded here"},
      {"environment = 1", "3:15: `environment`: expected a table of names and values"},
      {"environment = { A = true }", "3:21: `A`: expected a string or a number, not true or false"},
      {"environment = { \"A=B\" = \"x\" }", "3:17: `A=B` can't be the name of a variable"},
      {"environment = { A = \"{x}\" }",
       "3:21: `A`: `{x}` is no parameter of `x`; for braces that stay write `{{x}}`"},
      {"environment = { A = \"\\u0000\" }", "3:21: `A`: a variable can't have a NUL byte"},
      {"description = 1", "3:15: `description`: expected a string"},
      {"params = 1", "3:10: `params`: expected a table of parameters"},
      {"name = \"a/b\"",
       "3:8: `name`: the name has a `/` in it; it becomes the name of a directory"},
      {"shell = \"false\"", "3:1: give `command` or `shell`, not both"},
      {"check = 1", "3:9: `check`: expected tables, [[pipeline.NAME.check]]"},
      {"check = [1]", "3:10: `check`: expected tables, [[pipeline.NAME.check]]"},
      {"check = [{ path = \"x\" }]", "3:10: a check needs a `kind`"},
      {"check = [{ kind = \"fils\" }]",
       "3:19: check: `kind`: expected one of files, images, table, log_clean, command, not `fils`; "
       "did you mean `files`?"},
      {"check = [{ kind = \"files\", pth = \"x\" }]",
       "3:28: check: `pth`: unknown; did you mean `path`?"},
      {"check = [{ kind = \"files\", path = 5 }]", "3:35: check: `path`: expected a string"},
      {"check = [{ kind = \"files\", path = \"x\", columns = [\"a\"] }]",
       "3:10: check (files x): `columns` has no meaning here"},
      {"check = [{ kind = \"images\", path = \"x\", width = 1, width_min = 1 }]",
       "3:10: check (images x): give width or width_min, not both"},
      {"check = [{ kind = \"table\", ranges = { a = { min = \"x\" } } }]",
       "3:51: check: `ranges.a.min`: expected a number"},
      {"check = [{ kind = \"command\", shell = \"a {x}\" }]\nparams.x = 1",
       "3:38: check: `{x}` is not replaced in a script: give `command`, an array of words"},
      {"check = [{ kind = \"files\", path = \"{x}\" }]",
       "3:35: check: `{x}` is no parameter, and not {name}"},
      {"check = [{ kind = \"command\", command = [\"look\", \"{name}\"] }]",
       "3:49: check: `{name}` is no parameter"},
  };
  for (const auto& [line, wanted] : cases) EXPECT_EQ(mistakes_of_line(line), Lines{wanted}) << line;
}

TEST(PipelineFile, EachMistakeOfACommandIsTold) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"5", "2:11: `command`: expected a string for bash, or an array of words"},
      {"\" \"", "2:11: `command`: expected a string for bash, or an array of words"},
      {"[]", "2:11: `command`: expected a string for bash, or an array of words"},
      {"[\"a\", 5]", "2:17: `command`: expected a string, not a whole number; put it into quotes"},
      {"\"a {ttle}\"", "2:11: `command`: `{ttle}` is no parameter of `x`; did you mean `title`?"},
      {"[\"a\", \"{ttle}\"]",
       "2:17: `command`: `{ttle}` is no parameter of `x`; did you mean `title`?"},
      {"[\"/bin/bash\", \"-ec\", \"echo {title}\"]",
       "2:32: `command`: `{title}` would become code here: use the variable "
       "`\"$REEVE_PARAM_title\"`, or give the command as one string"},
      {"\"cat <<E\\n{title}\\nE\"",
       "2:11: `command`: `{title}` can't stand in or after a here-document, since its value may "
       "need quotes: use the variable `$REEVE_PARAM_title` of the environment there"},
      {"\"echo ${title}\"",
       "2:11: `command`: `${title}` is a variable of the shell, and `title` a parameter: write "
       "`{title}` for it"},
      {"\"a\\u0000\"", "2:11: `command`: there is a NUL byte in the command, a path or a variable"},
  };
  for (const auto& [command, wanted] : cases)
    EXPECT_EQ(mistakes("[pipeline.x]\ncommand = " + command + "\nparams.title = \"t\"\n"),
              Lines{wanted})
        << command;
}

TEST(PipelineFile, EachMistakeOfAParameterIsTold) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"n = { type = \"floot\" }",
       "4:14: parameter `n`: `type`: expected int, float, bool, string, choice or path; did you "
       "mean `float`?"},
      {"n = {}", "4:1: parameter `n`: `type` is missing: int, float, bool, string, choice or path"},
      {"n = []",
       "4:5: parameter `n`: expected a value, or a table such as { type = \"int\", default = 1 }, "
       "not an array"},
      {"n = { default = 1, mim = 1 }",
       "4:20: parameter `n`: unknown key `mim`; did you mean `min`?"},
      {"n = { default = 1, min = 1.5 }", "4:26: parameter `n`: `min`: expected a whole number"},
      {"n = { default = 1.0, max = \"2\" }", "4:28: parameter `n`: `max`: expected a number"},
      {"n = { default = \"a\", min = 1 }",
       "4:22: parameter `n`: `min` belongs to an int or a float"},
      {"n = { default = 5, min = 10, max = 1 }", "4:26: parameter `n`: `min` is above `max`"},
      {"n = { default = 5, max = 4 }",
       "4:17: parameter `n`: `default`: expected int, at most 4, not `5`"},
      {"n = { type = \"int\", default = \"5\" }",
       "4:31: parameter `n`: `default`: expected int, not a string"},
      {"n = { type = \"choice\" }",
       "4:1: parameter `n`: `choices` is missing: what may be chosen, as in [\"a\", \"b\"]"},
      {"n = { type = \"int\", choices = [\"a\"] }",
       "4:21: parameter `n`: `choices` belongs to type = \"choice\""},
      {"n = { choices = [] }", "4:17: parameter `n`: `choices`: expected an array of strings"},
      {"n = { choices = [\"a\", 1] }", "4:23: parameter `n`: `choices`: expected a string"},
      {"n = { choices = [\"a\", \"a\"] }", "4:23: parameter `n`: `a` is there twice"},
      {"n = { choices = [\"fast\", \"slow\"], default = \"fats\" }",
       "4:45: parameter `n`: `default`: expected one of fast, slow, not `fats`; did you mean "
       "`fast`?"},
      {"n = { default = 1, help = 2 }", "4:27: parameter `n`: `help`: expected a string"},
      {"bad-name = 1",
       "4:1: `bad-name` can't name a parameter: letters, digits and `_` can, at most 60 and no "
       "digit first"},
      {"name = 1", "4:1: a parameter can't be called `name`: {name} is the job's name in checks"},
  };
  for (const auto& [line, wanted] : cases)
    EXPECT_EQ(mistakes("[pipeline.x]\ncommand = \"a\"\n[pipeline.x.params]\n" + line + "\n"),
              Lines{wanted})
        << line;
}

TEST(PipelineFile, MistakesOfTheWholeAreTold) {
  EXPECT_EQ(mistakes("pipeline = 1"), Lines{"1:12: `pipeline`: expected tables, [pipeline.NAME]"});
  EXPECT_EQ(mistakes("pipeline.x = 1"),
            Lines{"1:10: `pipeline.x`: expected a table, [pipeline.x]"});
  EXPECT_EQ(mistakes("defaults = 1"), Lines{"1:12: `defaults`: expected a table, [defaults]"});
  EXPECT_EQ(mistakes("[defaults]\ncommand = \"a\"\nshell = \"b\"\ncpus = -1"),
            (Lines{"2:1: `command` belongs into a pipeline, not into [defaults]",
                   "3:1: `shell` belongs into a pipeline, not into [defaults]",
                   "4:8: `cpus`: expected a whole number, not `-1`"}));
  EXPECT_EQ(mistakes("[pipeline.-x]\ncommand = \"a\""),
            Lines{"1:11: `-x` can't name a pipeline: it would be taken for an option"});
  EXPECT_EQ(
      mistakes("[pipeline.\"a/b\"]\ncommand = \"a\""),
      Lines{"1:11: `a/b` can't name a pipeline: the name has a `/` in it; it becomes the name "
            "of a directory"});
  const auto broken = mistakes("[pipeline.x]\ncommand = \"a\ncpus = 1");
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_TRUE(broken[0].starts_with("2:")) << broken[0];
}

TEST(PipelineFile, WordsFromElsewhereAreUnderstood) {
  EXPECT_EQ(
      mistakes_of_line("workdir = \"x\"\nparams.f = { type = \"file\", description = \"d\" }"),
      (Lines{"3:1: unknown key `workdir`; did you mean `directory`?",
             "4:21: parameter `f`: `type`: expected int, float, bool, string, choice or path; "
             "did you mean `path`?",
             "4:29: parameter `f`: unknown key `description`; did you mean `help`?"}));
}

TEST(PipelineFile, StringThatIsNotClosedIsTold) {
  EXPECT_EQ(mistakes("[pipeline.x]\ncommand = \"echo 'x'\ncpus = 2\n"),
            Lines{"2:20: a string is not closed in its line"});
  EXPECT_EQ(mistakes("[pipeline.x]\ncommand = 'x"),
            Lines{"2:13: a string is not closed in its line"});
}

TEST(PipelineFile, TextThatTheParserDoesNotExpectIsTold) {
  for (const char* line :
       {"tag = [1, }", "tag = [\xe2\x80\xa8]", "[", "time = 2020-01-01T.00:00:00Z"})
    EXPECT_EQ(mistakes_of_line(line),
              Lines{"3:1: a value is missing in this line, or it is no TOML"})
        << line;
  EXPECT_EQ(mistakes_of_line("cpus = # how many?"),
            Lines{"3:8: Error while parsing key-value pair: expected value, saw '#'"});
  EXPECT_EQ(mistakes_of_line("tag = [ # all\n \"é\" # of\n , \"b\", # them\n ]"), Lines{});
}

TEST(PipelineFile, MistakeInTheDefaultsIsToldOnce) {
  EXPECT_EQ(mistakes("[defaults]\ncpus = \"x\"\n[pipeline.a]\ncommand = \"a\"\n[pipeline.b]\n"
                     "command = \"b\"\n"),
            Lines{"2:8: `cpus`: expected a whole number, not `x`"});
}

TEST(PipelineFile, NoMoreMistakesAreToldThanCanBeRead) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "key" + std::to_string(i) + " = 1\n";
  const auto loaded = load(text);
  EXPECT_EQ(loaded.mistakes.size(), limits::mistakes_max);
  EXPECT_EQ(mistake_lines(loaded).back(), "and 900 more");
}

TEST(PipelineFile, WhatComesFromTheFileCantCommandATerminal) {
  const auto told = mistakes("\"\\u001b[2J\" = 1\n");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].find('\x1b'), std::string::npos);
}

constexpr const char* with_params = R"(
[pipeline.x]
command = ["a"]
[pipeline.x.params]
n = { default = 1, min = 1, max = 10 }
lr = { type = "float", default = 1, min = 0 }
fast = false
mode = { choices = ["quick", "exact"], default = "quick" }
title = "t"
data = { type = "path", default = "d.csv" }
)";

TEST(Parameters, GivenValuesReplaceDefaults) {
  const auto made =
      job(with_params,
          {{"n=1", "n=07", "lr=2.5e-1", "fast=true", "mode=exact", "title=a=b\nc", "data=../x.csv"},
           {},
           "/here/sub"});
  ASSERT_TRUE(made);
  const std::map<std::string, std::string> wanted{{"n", "7"},          {"lr", "2.5e-1"},
                                                  {"fast", "true"},    {"mode", "exact"},
                                                  {"title", "a=b\nc"}, {"data", "/here/x.csv"}};
  EXPECT_EQ(made->params, wanted);
  EXPECT_EQ(made->environment.at("REEVE_PARAM_title"), "a=b\nc");
}

TEST(Parameters, PathOfADefaultIsSeenFromTheFile) {
  const auto made = job(with_params, {{}, {}, "/here"});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->params.at("data"), "/p/d.csv");
}

TEST(Parameters, EachWrongValueIsToldAndAllAtOnce) {
  EXPECT_EQ(
      faults(with_params, {"n=0", "lr=-1", "fast=yes", "mode=exac", "tilte=1", "n", "=1"}),
      (Lines{"--param n: expected int, 1 to 10, not `0`",
             "--param lr: expected float, at least 0, not `-1`",
             "--param fast: expected bool, true or false, not `yes`",
             "--param mode: expected one of quick, exact, not `exac`; did you mean `exact`?",
             "--param tilte: the pipeline `x` has no such parameter; did you mean `title`?",
             "--param: expected NAME=VALUE, not `n`", "--param: expected NAME=VALUE, not `=1`"}));
  for (const char* wrong : {"n=", "n=1.5", "n=x", "n=11", "n=99999999999999999999", "lr=nan",
                            "lr=inf", "lr=1e999", "lr=", "fast=", "data=", "mode="})
    EXPECT_EQ(faults(with_params, {wrong}).size(), 1U) << wrong;
  EXPECT_EQ(faults(with_params, {"title=" + std::string(limits::param_bytes_max, 'x')}), Lines{});
  EXPECT_EQ(faults(with_params, {"title=" + std::string(limits::param_bytes_max + 1, 'x')}).size(),
            1U);
}

TEST(Parameters, OneWithoutADefaultMustBeGiven) {
  const char* text =
      "[pipeline.x]\ncommand = \"a {n}\"\nparams.n = { type = \"int\", min = 1, help = \"how "
      "many\" }\n";
  EXPECT_EQ(
      faults(text, {}),
      Lines{"the parameter `n` has no default: give --param n=… (int, at least 1): how many"});
  EXPECT_EQ(faults(text, {"n=3"}), Lines{});
}

TEST(Parameters, NameThatAValueSpoilsIsRefused) {
  EXPECT_EQ(faults("[pipeline.x]\ncommand = \"a\"\nname = \"a-{s}\"\nparams.s = \"b\"\n", {"s=/"}),
            Lines{"the name has a `/` in it; it becomes the name of a directory"});
}

TEST(Parameters, FurtherWordsAreAppendedOrReachTheScript) {
  const Invocation with_words{{}, {"a b", "--c"}, "/"};
  const auto words = job("[pipeline.x]\ncommand = [\"p\"]\n", with_words);
  ASSERT_TRUE(words);
  EXPECT_EQ(words->command, (Lines{"p", "a b", "--c"}));
  const auto script = job("[pipeline.x]\ncommand = 'p \"$@\"'\n", with_words);
  ASSERT_TRUE(script);
  EXPECT_EQ(script->command,
            (Lines{"bash", "-o", "pipefail", "-c", "p \"$@\"", "x", "a b", "--c"}));
  const auto without = job("[pipeline.x]\ncommand = 'p'\n", with_words);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error(),
            Lines{"the command of `x` is a script that does not use \"$@\", so it takes no further "
                  "words"});
}

TEST(PipelineSearch, NearestFileAboveIsFound) {
  const TemporaryFolder folder;
  const std::string deep = folder.file("a/b/c");
  std::filesystem::create_directories(deep);
  write_file(folder.file("reeve.toml"), "");
  EXPECT_EQ(find_pipeline_file(deep)->value(), folder.file("reeve.toml"));
  write_file(folder.file("a/b/reeve.toml"), "");
  EXPECT_EQ(find_pipeline_file(deep)->value(), folder.file("a/b/reeve.toml"));
}

TEST(PipelineSearch, FileThatOthersMayWriteIsNotUsedUnasked) {
  const TemporaryFolder folder;
  write_file(folder.file("reeve.toml"), "");
  ASSERT_EQ(::chmod(folder.file("reeve.toml").c_str(), 0666), 0);
  const auto found = find_pipeline_file(folder.file(""));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::forbidden);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chmod(folder.file("reeve.toml").c_str(), 0644), 0);
  ASSERT_TRUE(find_pipeline_file(folder.file("")));
  ASSERT_EQ(::chown(folder.file("reeve.toml").c_str(), 65534, 65534), 0);
  EXPECT_FALSE(find_pipeline_file(folder.file("")));
}

TEST(PipelineSearch, OnlyARegularFileOfABoundedSizeIsRead) {
  const TemporaryFolder folder;
  EXPECT_FALSE(load_pipelines(folder.file("reeve.toml")));
  EXPECT_FALSE(load_pipelines(folder.file("")));
  ASSERT_EQ(::mkfifo(folder.file("reeve.toml").c_str(), 0600), 0);
  EXPECT_FALSE(load_pipelines(folder.file("reeve.toml"))) << "and it did not wait for a writer";
  const std::string most = "#" + std::string(limits::pipeline_file_bytes_max - 1, 'x');
  write_file(folder.file("most.toml"), most);
  EXPECT_EQ(load_pipelines(folder.file("most.toml"))->mistakes.size(), 0U);
  write_file(folder.file("more.toml"), most + "x");
  const auto more = load_pipelines(folder.file("more.toml"));
  ASSERT_TRUE(more);
  EXPECT_EQ(mistake_lines(*more), Lines{folder.file("more.toml") +
                                        ": the file has 1048577 bytes, and 1048576 are the most"});
}

// --- whatever bytes it is made of ---

constexpr const char* seed_text = R"(
# a comment with "quotes' and {braces}
[defaults]
cpus = 2
environment = { A = "1", "b.c" = 'x', D = 1.5e3 }
[pipeline.train]
command = """
for i in 1 2; do echo "{n}" '{title}' $(echo {n}) ${x:-{n}} $(({n} + 1)); done # it's
"""
tag = ["a", 'b', """c"""]
time = "1h30m"
on-busy = "reject"
lock = "l"
[pipeline.train.params]
n = { type = "int", default = 5, min = 1, max = 10 }
title = "t"
mode = { choices = ["a", "b"], default = "a", help = "x" }
[[pipeline.train.check]]
kind = "files"
path = "{name}_{n}.csv"
[pipeline.words]
command = ["bash", "-c", "echo \u0041"]
directory = "sub"
)";

TEST(PipelineFuzz, MutatedFilesDoNoHarm) {
  EXPECT_EQ(mistakes(seed_text), Lines{});
  const std::string seed = seed_text;
  std::minstd_rand random(4711);
  const auto below = [&](std::size_t most) { return static_cast<std::size_t>(random()) % most; };
  constexpr std::string_view alphabet =
      "\"'[]{}=.,#\\\n\r\v\t $(`)<>x0-+_:TZe\xff\x01\xc3\xa9\xe2\x80\xa8{n}";
  std::size_t sound = 0;
  const char* wanted = std::getenv("REEVE_FUZZ_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 4000;
  for (int round = 0; round < rounds; ++round) {
    std::string text = seed;
    for (std::size_t change = 1 + below(4); change > 0; --change) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = alphabet[below(alphabet.size())];
          break;
        case 1:
          text.erase(at, 1 + below(20));
          break;
        case 2:
          text.insert(at, 1, alphabet[below(alphabet.size())]);
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(60)));
      }
      if (text.empty()) text = "x";
    }
    const LoadedPipelines loaded = load(text);
    ASSERT_LE(loaded.mistakes.size(), limits::mistakes_max);
    for (const std::string& line : mistake_lines(loaded)) ASSERT_LT(line.size(), 2000U) << text;
    if (!loaded.mistakes.empty()) continue;
    ++sound;
    for (const Pipeline& pipeline : loaded.file.pipelines) (void)make_job(pipeline, {});
  }
  EXPECT_GT(sound, 100U) << "the mutations leave some files right";
}

TEST(PipelineFuzz, LargeHostileFilesTakeABoundedTime) {
  constexpr std::size_t most = limits::pipeline_file_bytes_max;
  const auto repeated = [](std::string_view part, std::size_t bytes) {
    std::string text;
    while (text.size() + part.size() <= bytes) text += part;
    return text;
  };
  const std::size_t half = most / 2 - 1000;
  std::vector<std::string> files{
      repeated("a.", most - 2) + "=1",
      repeated("\"a\".", most),
      repeated("\"!\". ", most),
      "x = " + repeated("[", most - 4),
      "x = " + repeated("{a=", most - 4),
      "x = " + repeated("{a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=", most - 4),
      repeated("[[pipeline.x.check]]\n", most),
      repeated("[pipeline.x.y]\n", most),
      repeated("a", most - 4) + " = 1",
      "[pipeline." + repeated("a", half) + "]\ncommand = \"{" + repeated("b", half) + "}\"",
      "[pipeline.x]\nparams.n = 1\ncommand = \"" + repeated("{n}", most - 60) + "\"",
      "[pipeline.x]\nparams.n = 's'\ncommand = \"" + repeated("$x{n}", most - 60) + "\"",
      "[pipeline.x]\nparams.n = 's'\ncommand = '''" + repeated("\"{n}", most - 60) + "'''",
      "[pipeline.x]\ncommand = \"" + repeated("{u}", most - 60) + "\"",
      "[pipeline.x]\ncommand = \"" + repeated("{", most - 60) + "\"",
      "[pipeline.x]\ncommand = \"a\"\nsecret = [" + repeated("\"A\",", most - 60) + "]",
      "[pipeline.x]\ncommand = \"a\"\ncheck = [{kind=\"" + repeated("f", most - 60) + "\"}]"};
  std::string keys = "[pipeline.x]\ncommand = \"a\"\n[pipeline.x.params]\n";
  for (int i = 0; keys.size() < most - 20; ++i) keys += "k" + std::to_string(i) + "=1\n";
  files.push_back(keys);
  std::string copies = "[defaults]\nenvironment.A = \"" + repeated("x", half / 4) + "\"\n";
  for (int i = 0; copies.size() < most - 40; ++i)
    copies += "[pipeline.p" + std::to_string(i) + "]\ncommand=\"a\"\n";
  files.push_back(copies);
  for (std::size_t i = 0; i < files.size(); ++i) {
    ASSERT_LE(files[i].size(), most) << i;
    // Of this process alone, whatever else the machine does.
    const std::clock_t began = std::clock();
    const LoadedPipelines loaded = load(files[i]);
    EXPECT_LE(loaded.mistakes.size(), limits::mistakes_max);
    if (loaded.mistakes.empty())
      for (const Pipeline& pipeline : loaded.file.pipelines) (void)make_job(pipeline, {});
    const auto seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    // Far more than it takes, also under a sanitizer; far less than what grows with the square.
    EXPECT_LT(seconds, 60.0) << "file " << i;
  }
}

TEST(PipelineFuzz, DottedKeysHaveABound) {
  std::string key = "a";
  for (int part = 1; part < limits::key_parts_max; ++part) key += ".a";
  EXPECT_EQ(mistakes(key + " = 1"), Lines{"1:1: unknown key `a`"});
  EXPECT_EQ(mistakes("\n" + key + ".a = 1"), Lines{"2:64: a key has at most 32 parts"});
  EXPECT_EQ(mistakes("x = \"\"\"" + key + ".a.a\"\"\"\"\n# " + key + ".a.a"),
            Lines{"1:1: unknown key `x`"})
      << "text is no key";
}

// --- the schema ---

TEST(Schema, HasEachOptionAndKey) {
  const json::object schema = pipeline_file_schema();
  const json::object& pipeline = schema.at("properties")
                                     .at("pipeline")
                                     .at("additionalProperties")
                                     .at("properties")
                                     .as_object();
  for (const SubmitOption& option : submit_options())
    for (const std::string& name : option.long_names()) {
      ASSERT_TRUE(pipeline.contains(name)) << name;
      if (name == "check") continue;  // tables here, words on the command line
      EXPECT_EQ(pipeline.at(name).at("description").as_string(), option.help);
    }
  for (const char* key : {"command", "description", "environment", "params", "check"})
    EXPECT_TRUE(pipeline.contains(key)) << key;
  const json::object& check = pipeline.at("check").at("items").at("properties").as_object();
  for (const char* key : {"kind", "name", "severity", "path"})
    EXPECT_TRUE(check.contains(key)) << key;
}

TEST(Schema, WordsOfAnOptionAreThoseThatItTakes) {
  int with_words = 0;
  for (const SubmitOption& option : submit_options()) {
    if (option.words.empty()) continue;
    ++with_words;
    JobSpec spec;
    for (const std::string_view word : option.words) {
      EXPECT_TRUE(option.apply(spec, std::string(word))) << option.long_name() << " " << word;
      EXPECT_NE(std::string(option.help).find(word), std::string::npos)
          << option.long_name() << ": the help should name " << word;
    }
    EXPECT_FALSE(option.apply(spec, "no-such-word")) << option.long_name();
  }
  EXPECT_GE(with_words, 7);
}

}  // namespace
}  // namespace reeve::test
