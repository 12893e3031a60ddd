// Everything that can be said about a job, on the command line and in a batch file.

#include "cli/given_options.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "core/spec_json.h"

namespace reeve::test {
namespace {

Result<JobSpec> from_line(const std::string& line, const cli::GivenOptions& given = {}) {
  return cli::make_spec_from_line(given, parse_json(line)->as_object());
}

std::string fault(const std::string& line) {
  const auto spec = from_line(line);
  return spec ? "" : spec.error().message;
}

const SubmitOption* option(const std::string& name) {
  for (const auto& known : submit_options())
    if (known.long_name() == name) return &known;
  return nullptr;
}

TEST(BatchLine, EachKeyReachesTheSpecification) {
  const auto spec = from_line(R"({"command": ["a", "b c"], "name": "n", "priority": "High",
      "cpus": 2, "mem": "4GB", "gpus": "1", "counter": {"licence": 2, "seat": "3"}, "lock": "l",
      "on-busy": "reject", "hold": true, "time": "1h30m", "grace": 5, "retry": 3,
      "retry-on-lost": true, "env": {"A": "1", "B": 2}, "secret": ["A"], "directory": "/d/./x/",
      "stdin": "/in", "log-max": "2M", "idempotency-key": "k", "results-root": "/r",
      "keep-staging": "delete", "containment": "strict"})");
  ASSERT_TRUE(spec) << spec.error().message;
  JobSpec wanted;
  wanted.name = "n";
  wanted.command = {"a", "b c"};
  wanted.directory = "/d/x";
  wanted.priority = Priority::high;
  wanted.demand = {2, 4'000'000'000, 1, {{"licence", 2}, {"seat", 3}}, "l"};
  wanted.on_busy = OnBusy::reject;
  wanted.hold = true;
  wanted.time_limit = std::chrono::minutes(90);
  wanted.grace = Duration(5000);
  wanted.retry.retries = 3;
  wanted.retry.on_lost = true;
  wanted.pin_cpus = true;
  wanted.log_max = 2 << 20;
  wanted.results_root = "/r";
  wanted.staging = Staging::discard;
  wanted.containment = ContainmentWish::strict;
  wanted.stdin_file = "/in";
  wanted.environment = {{"A", "1"}, {"B", "2"}};
  wanted.secrets = {"A"};
  wanted.idempotency_key = "k";
  EXPECT_EQ(to_line(spec_to_json(*spec)), to_line(spec_to_json(wanted)));
}

TEST(BatchLine, ShellIsACommandOfItsOwn) {
  const auto spec = from_line(R"({"shell": "a | b"})");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->command, (std::vector<std::string>{"bash", "-o", "pipefail", "-c", "a | b"}));
  EXPECT_NE(fault(R"({"shell": "a", "command": ["b"]})"), "");
}

TEST(BatchLine, WhatIsWrongIsNamed) {
  EXPECT_EQ(fault(R"({})"), "`command` is missing");
  EXPECT_EQ(fault(R"({"command": []})"), "`command` is missing");
  EXPECT_EQ(fault(R"({"comand": ["a"]})"), "`comand`: unknown; did you mean `command`?");
  EXPECT_EQ(fault(R"({"command": ["a"], "prioriti": "low"})"),
            "`prioriti`: unknown; did you mean `priority`?");
  EXPECT_EQ(fault(R"({"command": "a"})"), "command: expected an array");
  EXPECT_EQ(fault(R"({"command": ["a"], "hold": "yes"})"), "`hold`: expected true or false");
  for (const char* bad :
       {R"("cpus": -1)", R"("cpus": 1.5)", R"("cpus": "two")", R"("cpus": null)", R"("cpus": [1])",
        R"("cpus": true)", R"("cpus": 1000001)", R"("mem": "lots")", R"("time": "soon")",
        R"("priority": "urgent")", R"("on-busy": "panic")", R"("counter": {"": 1})",
        R"("counter": {"x": 0})", R"("env": {"": "x"})", R"("secret": ["A=B"])",
        R"("keep-staging": "maybe")", R"("containment": "loose")", R"("directory": "")",
        R"("lock": "")"})
    EXPECT_NE(fault(R"({"command": ["a"], )" + std::string(bad) + "}"), "") << bad;
}

TEST(BatchLine, CommandLineSaysWhatTheLineDoesNot) {
  const cli::GivenOptions given{{{option("cpus"), "3"}, {option("name"), "all"}}};
  const auto spec = from_line(R"({"command": ["a"], "name": "own"})", given);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->demand.cpus, 3);
  EXPECT_EQ(spec->name, "own");
}

TEST(BatchLine, VariableWithoutAValueIsNotTheWordNull) {
  EXPECT_NE(fault(R"({"command": ["a"], "env": {"A": null}})"), "");
}

TEST(CommandLine, RelativePathsAreSeenFromHere) {
  const auto spec = cli::make_spec({{{option("stdin"), "in.txt"}}}, {"a"});
  ASSERT_TRUE(spec);
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(spec->stdin_file, here + "/in.txt");
  EXPECT_EQ(spec->directory, here);
}

TEST(CommandLine, BadValueNamesItsOption) {
  const auto spec = cli::make_spec({{{option("time"), "so\x1bon"}}}, {"a"});
  ASSERT_FALSE(spec);
  EXPECT_TRUE(spec.error().message.starts_with("--time: expected a duration"));
  EXPECT_EQ(spec.error().message.find('\x1b'), std::string::npos);
  EXPECT_EQ(spec.error().code, ErrorCode::invalid);
}

TEST(CommandLine, OneCommandIsNeeded) {
  EXPECT_FALSE(cli::make_spec({}, {}));
  EXPECT_FALSE(cli::make_spec({{{option("shell"), "a"}}}, {"b"}));
  EXPECT_TRUE(cli::make_spec({{{option("shell"), "a"}}}, {}));
}

TEST(CommandLine, FlagsAreParsedAndTheLastOfOneKindCounts) {
  CLI::App app;
  cli::GivenOptions given;
  cli::add_submit_options(app, given);
  app.parse("--env A=1 -c 2 --hold -c 4 --env B=2 -J x");
  const auto spec = cli::make_spec(given, {"a"});
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->demand.cpus, 4);
  EXPECT_TRUE(spec->hold);
  EXPECT_EQ(spec->name, "x");
  EXPECT_EQ(spec->environment, (std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}}));
}

TEST(CommandLine, EachOptionHasALongNameAndAHelp) {
  for (const auto& known : submit_options()) {
    EXPECT_FALSE(known.long_name().empty());
    EXPECT_EQ(known.long_name().find('-'), known.long_name().find_first_of("-, "));
    EXPECT_GT(std::string(known.help).size(), 10U) << known.long_name();
  }
}

}  // namespace
}  // namespace reeve::test
