// What config.toml may say.

#include "daemon/config.h"

#include <gtest/gtest.h>

#include "support.h"

namespace reeve::test {
namespace {

Result<Config> config_of(std::string_view text) {
  const TemporaryFolder folder;
  write_file(folder.file("config.toml"), text);
  return load_config(folder.file("config.toml"));
}

TEST(Config, PressureHasDefaultsAndTakesPercent) {
  const auto plain = config_of("");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->pressure.memory, 20);
  EXPECT_EQ(plain->pressure.min_memory_percent, 2);
  const auto set = config_of("[pressure]\nmemory = 0\ncpu = 80\nio = 30\nmin_memory = \"5%\"\n");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->pressure.memory, 0);
  EXPECT_EQ(set->pressure.cpu, 80);
  EXPECT_EQ(set->pressure.io, 30);
  EXPECT_EQ(set->pressure.min_memory_percent, 5);
}

TEST(Config, LeastMemoryIsAShareOrASize) {
  const auto size = config_of("[pressure]\nmin_memory = \"1GB\"\n");
  ASSERT_TRUE(size);
  EXPECT_EQ(size->pressure.min_memory, 1'000'000'000);
  EXPECT_EQ(size->pressure.min_memory_percent, 0);
  for (const char* wrong : {"\"101%\"", "\"-1%\"", "\"much\"", "-5", "\"%\""})
    EXPECT_FALSE(config_of(std::string("[pressure]\nmin_memory = ") + wrong + "\n")) << wrong;
  EXPECT_FALSE(config_of("[pressure]\nmemory = 101\n"));
}

TEST(Config, GroupsHaveShares) {
  const auto set = config_of("[groups.training]\nshare = 3\n[groups.\"my own\"]\n");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->shares, (Shares{{"training", 3}, {"my own", 1}}));
  EXPECT_FALSE(config_of("[groups]\ntraining = 3\n"));
  EXPECT_FALSE(config_of("[groups.training]\nshare = 0\n"));
  EXPECT_FALSE(config_of("[groups.training]\nweight = 1\n"));
}

}  // namespace
}  // namespace reeve::test
