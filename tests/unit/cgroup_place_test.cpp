// Where a daemon makes its pool, told from where it stands.

#include "engine/local/cgroup_place.h"

#include <gtest/gtest.h>

#include "contain/cgroup_probe.h"

namespace reeve::test {
namespace {

TEST(CgroupPlace, OnlyTheLineOfVersionTwoCounts) {
  EXPECT_EQ(cgroup_in("9:name=systemd:/a\n1:cpu:/b\n0::/user.slice/x.scope\n"),
            "/user.slice/x.scope");
  EXPECT_EQ(cgroup_in("0::/\n"), "");
  EXPECT_EQ(cgroup_in("9:name=systemd:/a\n"), std::nullopt);
  EXPECT_EQ(cgroup_in(""), std::nullopt);
}

TEST(CgroupPlace, ThePoolIsBelowTheCgroupThatTheDaemonStandsIn) {
  EXPECT_EQ(cgroup_for_pool(""), "");
  EXPECT_EQ(cgroup_for_pool("/user.slice/session-1.scope"), "/user.slice/session-1.scope");
}

TEST(CgroupPlace, ThePoolIsBesideTheLeafOfTheDaemon) {
  EXPECT_EQ(cgroup_for_pool("/app.slice/reeve.service/reeve-daemon"), "/app.slice/reeve.service");
}

TEST(CgroupPlace, TheDaemonOfAJobMakesItsPoolAboveThatOfTheJob) {
  EXPECT_EQ(cgroup_for_pool("/x/reeve-0123abcd/a1"), "/x");
  EXPECT_EQ(cgroup_for_pool("/x/reeve-0123abcd/a1/reeve-89ef4567/a2"), "/x");
  EXPECT_EQ(cgroup_for_pool("/reeve-0123abcd/a1"), "");
  EXPECT_TRUE(is_in_a_pool("/x/reeve-0123abcd/a1"));
}

TEST(CgroupPlace, OtherNamesThatBeginAlikeAreNoPools) {
  for (const char* own :
       {"/app.slice/reeve-0123abcd.service", "/reeve-daemon/x", "/reeve-0123abcde",
        "/reeve-0123ABCD", "/my-reeve-0123abcd", "/reeve.service"}) {
    EXPECT_FALSE(is_in_a_pool(own)) << own;
    EXPECT_EQ(cgroup_for_pool(own), own);
  }
}

}  // namespace
}  // namespace reeve::test
