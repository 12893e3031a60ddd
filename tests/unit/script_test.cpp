// Parameters in texts and in scripts: what is replaced, and that no value becomes code.

#include "pipeline/script.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/fd.h"
#include "pipeline/pipeline.h"
#include "pipeline/placeholder.h"
#include "support.h"

namespace reeve::test {
namespace {

using Values = std::map<std::string, std::string>;

std::string fill(std::string_view text) {
  return fill_placeholders(text, {{"n", "5"}, {"title", "a b"}});
}

TEST(Placeholder, NameInBracesIsReplaced) {
  EXPECT_EQ(fill("--n={n}"), "--n=5");
  EXPECT_EQ(fill("{n}{n} {title}"), "55 a b");
}

TEST(Placeholder, DoubledBracesStay) {
  EXPECT_EQ(fill("{{n}}"), "{n}");
  EXPECT_EQ(fill("{{{n}}}"), "{5}");
  EXPECT_EQ(fill("{{{{n}}}}"), "{{n}}");
}

TEST(Placeholder, BracesWithoutANameStay) {
  for (const char* text :
       {"{}", "{1..5}", "awk '{print $1}'", "{\"a\": 1}", "{{.Names}}", "{a,b}", "f() { x; }",
        "${x:-${y}}", "{", "}", "{n", "n}", "{ n }", "{{ n }}", ""})
    EXPECT_EQ(fill(text), text);
}

TEST(Placeholder, VariableOfAShellStays) {
  EXPECT_EQ(fill("${n} ${title}"), "${n} ${title}");
  EXPECT_EQ(fill("${x:-{n}}"), "${x:-5}");
  EXPECT_EQ(fill("{1..{n}}"), "{1..5}");
}

TEST(Placeholder, NameWithoutAValueStays) {
  EXPECT_EQ(fill("{m}"), "{m}");
}

std::vector<Param> text_params() {
  Param title;
  title.name = "title";
  Param number;
  number.name = "n";
  number.type = ParamType::integer;
  Param mode;
  mode.name = "mode";
  mode.type = ParamType::choice;
  mode.choices = {"a", "b"};
  return {title, number, mode};
}

TEST(Script, PlainValueStandsAsItIs) {
  const Values values{{"n", "1000"}, {"title", "a/b-c.d:e@f%g+h"}};
  EXPECT_EQ(fill_script("x --n {n} '{n}' \"{title}\" <{title}", values),
            "x --n 1000 '1000' \"a/b-c.d:e@f%g+h\" <a/b-c.d:e@f%g+h");
}

TEST(Script, OtherValueIsAVariableInTheQuotesThatAreOpen) {
  const Values values{{"title", "a b"}};
  EXPECT_EQ(fill_script("x {title}", values), "x \"${REEVE_PARAM_title}\"");
  EXPECT_EQ(fill_script("x \"<{title}>\"", values), "x \"<${REEVE_PARAM_title}>\"");
  EXPECT_EQ(fill_script("x '<{title}>'", values), "x '<'\"${REEVE_PARAM_title}\"'>'");
  EXPECT_EQ(fill_script("x \"$(y {title})\"", values), "x \"$(y \"${REEVE_PARAM_title}\")\"");
  EXPECT_EQ(fill_script("x \"'{title}'\" # it's\n{title}", values),
            "x \"'${REEVE_PARAM_title}'\" # it's\n\"${REEVE_PARAM_title}\"");
}

TEST(Script, PlainValueThatWouldMeanSomethingElseIsAVariable) {
  EXPECT_EQ(fill_script("echo {n}>f", {{"n", "2"}}), "echo \"${REEVE_PARAM_n}\">f");
  EXPECT_EQ(fill_script("echo $x{n} \"$x{n}\"", {{"n", "2"}}),
            "echo $x\"${REEVE_PARAM_n}\" \"$x${REEVE_PARAM_n}\"");
  EXPECT_EQ(fill_script("{title} x", {{"title", "done"}}), "\"${REEVE_PARAM_title}\" x");
  EXPECT_EQ(fill_script("{title} x", {{"title", "A=1"}}), "\"${REEVE_PARAM_title}\" x");
  EXPECT_EQ(fill_script("x {title} y", {{"title", ""}}), "x \"${REEVE_PARAM_title}\" y");
}

TEST(Script, PlacesWhereAValueWithQuotesCantStandAreFaults) {
  const auto params = text_params();
  for (const char* script :
       {"cat <<E\n{title}\nE", "cat <<-'E'\n{title}\nE", "echo $(({title}+1))", "((x={title}))",
        "echo ${x:-{title}}", "echo $'{title}'", "echo \"$(( {title} ))\"", "echo \\{title}",
        "echo \"\\{title}\"", "echo ${title}"})
    EXPECT_EQ(find_script_faults(script, params).size(), 1U) << script;
  for (const char* script : {"echo $(({n}+1)) ${x:-{n}} $'{n}'", "cat <<E\n{n} {mode}\nE",
                             "cat <<<{title}", "a $(b {title})", "a `b {title}`", "( a {title} )",
                             "# it's <<E\necho {title}", "echo '\\' {title}", "echo '<<' {title}",
                             "f() { a {title}; }", "[ {title} = x ]", "echo ${y} $title"})
    EXPECT_EQ(find_script_faults(script, params), std::vector<std::string>{}) << script;
}

// What bash prints for a script.
std::string output_of(const std::string& script, const Values& environment,
                      const std::string& directory) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Fd out(ends[0]);
  Fd in(ends[1]);
  const std::vector<std::string> words = {"bash", "-o", "pipefail", "-c", script};
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.get(), 1);
  ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, "/bin/bash", &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0);
  in.reset();
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(out.get(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  if (error == 0) ::waitpid(pid, nullptr, 0);
  return text;
}

// Each would make a file, or print something else, if any of it were read as code.
const std::vector<std::string>& hostile_values() {
  static const std::vector<std::string> values{"",
                                               "plain",
                                               "a b",
                                               "'; touch hit #",
                                               "\"; touch hit #",
                                               "$(touch hit)",
                                               "`touch hit`",
                                               "${x:=$(touch hit)}",
                                               "a\ntouch hit\n",
                                               "\\",
                                               "a\\",
                                               "\\'; touch hit; '",
                                               "'\"'\"'; touch hit; '",
                                               "\"$(touch hit)\"",
                                               "'$(touch hit)'",
                                               "*",
                                               "~",
                                               "-n",
                                               "$HOME",
                                               "a;touch hit",
                                               "a&touch hit",
                                               "a|touch hit",
                                               ">hit",
                                               "<(touch hit)",
                                               "x)touch hit(",
                                               "}touch hit{",
                                               "!!",
                                               "#x",
                                               "\xff\xfe",
                                               "\x01\t",
                                               "é…",
                                               "done",
                                               "A=1",
                                               "{title}",
                                               "${REEVE_PARAM_title}",
                                               "%s%n",
                                               "2",
                                               "a[$(touch hit)]"};
  return values;
}

// Scripts that print the value and nothing else.
const std::vector<std::string>& printing_scripts() {
  static const std::vector<std::string> scripts{
      "printf %s {title}",
      "printf %s \"{title}\"",
      "printf %s '{title}'",
      "printf '%s' \"\"{title}''",
      "x={title}; printf %s \"$x\"",
      "x=\"{title}\"; printf %s \"$x\"",
      "x='{title}'; printf %s \"$x\"",
      "printf %s \"$(printf %s {title}; printf x)\" | head -c -1",
      "printf %s \"$(printf %s '{title}'; printf x)\" | head -c -1",
      "printf %s \"$(printf %s \"{title}\"; printf x)\" | head -c -1",
      "x=`printf %s {title}; printf x`; printf %s \"${x%x}\"",
      "f() { printf %s \"$1\"; }; f {title}",
      "( printf %s {title} )",
      "# it's \"quoted\nprintf %s {title}",
      "for x in {title}; do printf %s \"$x\"; done",
      "if [ x{title} != xyz ]; then printf %s {title}; fi",
      "case {title} in {title}) printf %s {title};; esac",
      "printf %s {title}>&1",
      "printf %s $nothing{title}",
      "printf %s \"$nothing{title}\"",
      "head -c -1 <<<{title}"};
  return scripts;
}

TEST(Script, NoValueBecomesCodeWhereverItStands) {
  const TemporaryFolder folder;
  for (const std::string& script : printing_scripts()) {
    ASSERT_EQ(find_script_faults(script, text_params()), std::vector<std::string>{}) << script;
    for (const std::string& value : hostile_values()) {
      const std::string filled = fill_script(script, {{"title", value}});
      EXPECT_EQ(output_of(filled, {{"REEVE_PARAM_title", value}}, folder.path()), value) << filled;
      ASSERT_FALSE(std::filesystem::exists(folder.file("hit"))) << filled << "\n" << value;
    }
  }
}

TEST(Script, WhatBashReadsDoesNotDependOnAHostileValue) {
  // Also where the quotes are too much for us: a `case` within `$( )`, quotes in a here-document.
  for (const char* script :
       {"echo \"$(case x in y) echo {title};; esac)\"", "cat <<'E'\n\"\nE\necho {title}",
        "echo \"${x#\"a\"}\" {title}", "echo \"${x:-it's}\" {title}", "echo $'\\'' {title}"}) {
    const std::string first = fill_script(script, {{"title", "'; touch hit #"}});
    for (const std::string& value : hostile_values())
      if (!is_plain_text(value)) EXPECT_EQ(fill_script(script, {{"title", value}}), first) << value;
  }
}

}  // namespace
}  // namespace reeve::test
