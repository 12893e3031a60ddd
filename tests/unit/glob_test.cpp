// Patterns of paths.

#include "core/glob.h"

#include <gtest/gtest.h>

namespace reeve::test {
namespace {

bool matches(std::string_view pattern, std::string_view name) {
  const auto parts = parse_glob(pattern);
  return parts && parts->size() == 1 && fits(parts->front(), name);
}

std::string fault(std::string_view pattern) {
  const auto parts = parse_glob(pattern);
  return parts ? "" : parts.error().message;
}

TEST(Glob, NameFits) {
  for (const auto& [pattern, name] :
       {std::pair("plot.png", "plot.png"), std::pair("*.png", "plot.png"), std::pair("*", "x"),
        std::pair("p*t.p?g", "plot.png"), std::pair("a*b*c", "axxbyyc"), std::pair("[a-c]x", "bx"),
        std::pair("[!a-c]x", "dx"), std::pair("[]]", "]"), std::pair("[a-]", "-"),
        std::pair("\\*", "*"), std::pair("a\\[b*", "a[bc"), std::pair("?", "\xc3\xa9"),
        std::pair(".*", ".hidden"), std::pair("*a*a*a*b", "aaaaaaaab")})
    EXPECT_TRUE(matches(pattern, name)) << pattern << " " << name;
}

TEST(Glob, NameDoesNotFit) {
  for (const auto& [pattern, name] :
       {std::pair("plot.png", "plot.pn"), std::pair("*.png", "plot.jpg"), std::pair("?", ""),
        std::pair("a?", "a"), std::pair("[a-c]", "d"), std::pair("[!a]", "a"),
        std::pair("*", ".hidden"), std::pair("?hidden", ".hidden"), std::pair("\\*", "x"),
        std::pair("a*", "ba"), std::pair("*a*a*a*b", "aaaaaaaa")})
    EXPECT_FALSE(matches(pattern, name)) << pattern << " " << name;
}

TEST(Glob, LongNameDoesNotTakeLong) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches(pattern + "b", std::string(200, 'a')));
}

TEST(Glob, PartsAreTold) {
  const auto parts = parse_glob("./out//**/**/run_[0-9]/x\\*y");
  ASSERT_TRUE(parts);
  const std::vector<GlobPart> wanted{{GlobPart::Kind::literal, "out"},
                                     {GlobPart::Kind::any_folders, ""},
                                     {GlobPart::Kind::pattern, "run_[0-9]"},
                                     {GlobPart::Kind::literal, "x*y"}};
  EXPECT_EQ(*parts, wanted);
}

TEST(Glob, FoldersAtTheEndMeanAllInThem) {
  const auto parts = parse_glob("out/**");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->back(), (GlobPart{GlobPart::Kind::pattern, "*"}));
}

TEST(Glob, WhatLeavesOrMakesNoSenseIsRefused) {
  EXPECT_NE(fault(""), "");
  EXPECT_NE(fault("/etc/passwd"), "");
  EXPECT_NE(fault("../x"), "");
  EXPECT_NE(fault("a/../../x"), "");
  EXPECT_NE(fault("a[b"), "");
  EXPECT_NE(fault("a\\"), "");
  EXPECT_NE(fault("./"), "");
}

TEST(Glob, EscapedTextMeansItself) {
  const std::string text = "a*b?[c]\\d";
  EXPECT_TRUE(matches(escape_glob(text), text));
  EXPECT_FALSE(matches(escape_glob("a*"), "ab"));
}

}  // namespace
}  // namespace reeve::test
