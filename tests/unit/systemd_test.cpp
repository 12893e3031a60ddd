// What is told from the texts of systemd and logind, and what is decided from it.

#include <gtest/gtest.h>

#include "systemd/logind.h"
#include "systemd/place.h"
#include "systemd/unit.h"

namespace reeve::systemd {
namespace {

const Place session{PlaceKind::session, "session-3.scope"};
const Place manager{PlaceKind::user_manager, "reeve.service"};
const Place service{PlaceKind::system_unit, "cron.service"};
const Place plain;

void expect_place(const char* proc_cgroup, PlaceKind kind, const char* unit) {
  const Place place = place_of(proc_cgroup);
  EXPECT_EQ(place.kind, kind) << proc_cgroup;
  EXPECT_EQ(place.unit, unit) << proc_cgroup;
}

TEST(SystemdPlace, ALoginSessionIsKnownByItsScope) {
  expect_place("0::/user.slice/user-1000.slice/session-3.scope\n", PlaceKind::session,
               "session-3.scope");
  expect_place("0::/user.slice/user-0.slice/session-c12.scope/reeve-01234567/a1\n",
               PlaceKind::session, "session-c12.scope");
}

TEST(SystemdPlace, WhatIsBelowTheUserManagerNamesItsOwnUnit) {
  expect_place("0::/user.slice/user-1000.slice/user@1000.service/app.slice/reeve.service\n",
               PlaceKind::user_manager, "reeve.service");
  expect_place(
      "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope/reeve-daemon\n",
      PlaceKind::user_manager, "run-r1.scope");
  expect_place("0::/user.slice/user-1000.slice/user@1000.service/session-x.scope\n",
               PlaceKind::user_manager, "session-x.scope");
}

TEST(SystemdPlace, OtherUnitsAreTheSystems) {
  expect_place("0::/system.slice/cron.service\n", PlaceKind::system_unit, "cron.service");
  expect_place("0::/system.slice/system-getty.slice/reeve-bob.service/reeve-daemon\n",
               PlaceKind::system_unit, "reeve-bob.service");
}

TEST(SystemdPlace, NoUnitIsNoUnit) {
  for (const char* text : {"0::/\n", "", "0::/docker/0123\n", "1:cpu:/x.service\n0::/\n"})
    expect_place(text, PlaceKind::plain, "");
}

TEST(SystemdPlace, TheNamedHierarchyOfVersionOneCountsFirst) {
  expect_place("1:name=systemd:/user.slice/user-1.slice/session-2.scope\n0::/\n",
               PlaceKind::session, "session-2.scope");
  expect_place("1:name=systemd:/\n0::/system.slice/x.service\n", PlaceKind::system_unit,
               "x.service");
}

TEST(Logout, EndsASessionOnlyWhereLogindKillsIt) {
  EXPECT_EQ(survives_logout(session, {Answer::yes, Answer::yes}), Answer::no);
  EXPECT_EQ(survives_logout(session, {Answer::no, Answer::no}), Answer::yes);
  EXPECT_EQ(survives_logout(session, {Answer::unknown, Answer::yes}), Answer::unknown);
}

TEST(Logout, EndsAUserManagerOnlyWithoutLingering) {
  EXPECT_EQ(survives_logout(manager, {Answer::no, Answer::no}), Answer::no);
  EXPECT_EQ(survives_logout(manager, {Answer::yes, Answer::yes}), Answer::yes);
  EXPECT_EQ(survives_logout(manager, {Answer::yes, Answer::unknown}), Answer::unknown);
}

TEST(Logout, DoesNothingToOthers) {
  EXPECT_EQ(survives_logout(service, {Answer::yes, Answer::no}), Answer::yes);
  EXPECT_EQ(survives_logout(plain, {Answer::yes, Answer::no}), Answer::yes);
}

TEST(Logout, TheWarningSaysWhatToDo) {
  const auto of_session = logout_warning(session, {Answer::yes, Answer::no}, "bob");
  EXPECT_NE(of_session.find("session-3.scope"), std::string::npos);
  EXPECT_NE(of_session.find("loginctl enable-linger bob"), std::string::npos);
  EXPECT_NE(of_session.find("reeve daemon install"), std::string::npos);
  const auto of_manager = logout_warning(manager, {Answer::yes, Answer::no}, "bob");
  EXPECT_NE(of_manager.find("loginctl enable-linger bob"), std::string::npos);
  EXPECT_EQ(logout_warning(session, {Answer::no, Answer::no}, "bob"), "");
  EXPECT_EQ(logout_warning(session, {Answer::unknown, Answer::no}, "bob"), "");
  EXPECT_EQ(logout_warning(plain, {}, "bob"), "");
}

TEST(Moving, NeverMakesTheLifeOfADaemonShorter) {
  constexpr auto to_user = PlaceKind::user_manager;
  EXPECT_TRUE(should_move(session, to_user, {Answer::yes, Answer::yes}));
  EXPECT_TRUE(
      should_move(session, to_user, {Answer::yes, Answer::no}));  // the last logout, at least
  EXPECT_TRUE(should_move(session, to_user, {Answer::no, Answer::yes}));
  EXPECT_FALSE(should_move(session, to_user, {Answer::no, Answer::no}));
  EXPECT_FALSE(should_move(session, to_user, {Answer::unknown, Answer::no}));
  EXPECT_FALSE(should_move(service, to_user, {Answer::yes, Answer::no}));
  EXPECT_TRUE(should_move(manager, to_user, {Answer::yes, Answer::no}));
  EXPECT_FALSE(should_move(plain, to_user, {Answer::yes, Answer::yes}));
  EXPECT_TRUE(should_move(session, PlaceKind::system_unit, {Answer::yes, Answer::no}));
}

TEST(LogindConfiguration, TheLastAssignmentCounts) {
  EXPECT_EQ(kill_policy_in({"[Login]\nKillUserProcesses=no\n", "KillUserProcesses = yes\n"}).kills,
            Answer::yes);
  EXPECT_EQ(kill_policy_in({"KillUserProcesses=true\nKillUserProcesses=0\n"}).kills, Answer::no);
  EXPECT_EQ(kill_policy_in({"KillUserProcesses=yes\nKillUserProcesses=maybe\n"}).kills,
            Answer::yes);
}

TEST(LogindConfiguration, WithoutOneTheCommentTellsWhatIsCompiledIn) {
  EXPECT_EQ(kill_policy_in({"[Login]\n#KillUserProcesses=no\n"}).kills, Answer::no);
  EXPECT_EQ(kill_policy_in({"[Login]\n#KillUserProcesses=yes\n"}).kills, Answer::yes);
  EXPECT_EQ(kill_policy_in({"", "#KillUserProcesses=yes\n"}).kills, Answer::unknown);
  EXPECT_EQ(kill_policy_in({""}).kills, Answer::unknown);
}

TEST(LogindConfiguration, ListsOfUsersAddUpAndAnEmptyOneClears) {
  const auto policy = kill_policy_in({"KillExcludeUsers=\nKillExcludeUsers=bob eve\n",
                                      "KillExcludeUsers=kim\nKillOnlyUsers=a  b\n"});
  EXPECT_EQ(policy.exempt, (std::vector<std::string>{"bob", "eve", "kim"}));
  EXPECT_EQ(policy.only, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(kill_policy_in({""}).exempt, std::vector<std::string>{"root"});
}

TEST(LogindConfiguration, TheBusTellsTheSame) {
  const auto policy = kill_policy_from_bus("b true\nas 0\nas 2 \"root\" \"bob\"\n");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->kills, Answer::yes);
  EXPECT_TRUE(policy->only.empty());
  EXPECT_EQ(policy->exempt, (std::vector<std::string>{"root", "bob"}));
  EXPECT_FALSE(kill_policy_from_bus(""));
  EXPECT_FALSE(kill_policy_from_bus("b true\n"));
}

TEST(LogindConfiguration, UsersMayBeExemptOrTheOnlyOnes) {
  EXPECT_EQ(kills_session_of({Answer::yes, {}, {"root"}}, "root"), Answer::no);
  EXPECT_EQ(kills_session_of({Answer::yes, {}, {"root"}}, "bob"), Answer::yes);
  EXPECT_EQ(kills_session_of({Answer::yes, {"eve"}, {}}, "bob"), Answer::no);
  EXPECT_EQ(kills_session_of({Answer::unknown, {}, {}}, "bob"), Answer::unknown);
}

TEST(Unit, KeepsJobsOutOfTheDaemonsFate) {
  const auto text = unit_text({Scope::user, "/opt/reeve", "/srv/bob/q", "bob", {}});
  ASSERT_TRUE(text);
  for (const char* line : {"Type=notify\n", "ExecStart=\"/opt/reeve\" daemon run --delegated\n",
                           "KillMode=process\n", "Delegate=yes\n", "Restart=on-failure\n",
                           "OOMPolicy=continue\n", "WantedBy=default.target\n"})
    EXPECT_NE(text->find(std::string("\n") + line), std::string::npos) << line;
  EXPECT_EQ(text->find("User="), std::string::npos);
}

TEST(Unit, OfTheSystemSaysWhomItRunsAs) {
  const auto text = unit_text({Scope::system, "/opt/reeve", "/srv/bob/q", "bob", {}});
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("\nUser=bob\n"), std::string::npos);
  EXPECT_NE(text->find("\nWantedBy=multi-user.target\n"), std::string::npos);
  EXPECT_NE(text->find("\nRequiresMountsFor=\"/srv/bob/q\"\n"), std::string::npos);
}

TEST(Unit, QuotesWhatHasAMeaningInUnits) {
  EXPECT_EQ(quoted("/a b/c"), "\"/a b/c\"");
  EXPECT_EQ(quoted("50%\"\\"), "\"50%%\\\"\\\\\"");
  const auto text = unit_text({Scope::user, "/a b/reeve", "/s", "", {{"REEVE_HOME", "/c d/%"}}});
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("\nEnvironment=\"REEVE_HOME=/c d/%%\"\n"), std::string::npos);
}

TEST(Unit, RefusesControlCharacters) {
  EXPECT_FALSE(unit_text({Scope::user, "/a\nExecStart=/evil", "/s", "", {}}));
  EXPECT_FALSE(unit_text({Scope::user, "/a", "/s\n", "", {}}));
  EXPECT_FALSE(unit_text({Scope::user, "/a", "/s", "", {{"A", "\x7f"}}}));
}

TEST(Unit, TellsWhichQueueItServes) {
  const auto text = unit_text({Scope::user, "/a", "/srv/bob/my %queue", "", {}});
  EXPECT_EQ(state_in_unit(*text), "/srv/bob/my %queue");
  EXPECT_FALSE(state_in_unit("[Service]\nExecStart=/bin/true\n"));
}

TEST(Unit, NamesDoNotMeet) {
  EXPECT_EQ(unit_name(Scope::user, {"bob", "/q", true}), "reeve.service");
  EXPECT_EQ(unit_name(Scope::system, {"root", "/q", true}), "reeve.service");
  EXPECT_EQ(unit_name(Scope::system, {"bob", "/q", true}), "reeve-bob.service");
  EXPECT_NE(unit_name(Scope::user, {"bob", "/q", false}),
            unit_name(Scope::user, {"bob", "/r", false}));
}

}  // namespace
}  // namespace reeve::systemd
