// What is told of a job, to whom, and what never is.

#include "core/notice.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "core/secret.h"
#include "situations.h"
#include "support.h"

namespace reeve::test {
namespace {

Job ended_job(JobState state, Reason reason = Reason::none) {
  Job job = after(finishing_job(3), {ended(false)});
  job.state = state;
  job.reason = reason;
  return job;
}

Event end_event(const Job& job) {
  return {job.id,   1, std::string(to_word(job.state)), JobState::finishing, job.state, job.reason,
          "keeper", ""};
}

NoticeTarget target(std::set<NoticeWish> on, std::string name = "ops") {
  NoticeTarget out;
  out.name = std::move(name);
  out.on = std::move(on);
  out.way = DesktopWay{};
  return out;
}

json::object payload_of(const Notice& notice) {
  return parse_json(to_payload(notice, {1'000'000})).value().as_object();
}

TEST(Notice, EachEndIsAnOccasion) {
  const auto occasion = [](JobState state, Reason reason = Reason::none) {
    const Job job = ended_job(state, reason);
    return find_occasion(end_event(job), job);
  };
  EXPECT_EQ(occasion(JobState::completed), Occasion::end);
  EXPECT_EQ(occasion(JobState::cancelled), Occasion::end);
  EXPECT_EQ(occasion(JobState::skipped), Occasion::end);
  EXPECT_EQ(occasion(JobState::failed), Occasion::failure);
  EXPECT_EQ(occasion(JobState::lost), Occasion::failure);
  EXPECT_EQ(occasion(JobState::timeout, Reason::wall_limit), Occasion::failure);
  EXPECT_EQ(occasion(JobState::timeout, Reason::hung), Occasion::hang);
}

TEST(Notice, EndThatARetryFollowsIsNoOccasion) {
  Job job = finishing_job(3);
  job.spec.retry.retries = 1;
  const Step step = must(job, ended(false));
  ASSERT_EQ(step.job.state, JobState::held);
  for (const Event& event : step.events) EXPECT_FALSE(find_occasion(event, step.job));
}

TEST(Notice, ChangesBeforeTheEndAreNoOccasion) {
  const Job job = running_job();
  EXPECT_FALSE(find_occasion(
      {job.id, 1, "running", JobState::starting, JobState::running, Reason::none, "keeper", ""},
      job));
  EXPECT_FALSE(find_occasion({job.id, 1, "edited", {}, {}, Reason::none, "ann", ""}, job));
  EXPECT_EQ(find_occasion({job.id, 1, "stalled", {}, {}, Reason::none, "timer", ""}, job),
            Occasion::stall);
}

TEST(Notice, TargetIsToldWhatItAskedFor) {
  const JobSpec spec = plain_spec();
  using W = NoticeWish;
  struct Row {
    std::set<W> on;
    std::set<Occasion> told;
  };
  for (const Row& row :
       {Row{{}, {}}, Row{{W::end}, {Occasion::end, Occasion::failure, Occasion::hang}},
        Row{{W::failure}, {Occasion::failure, Occasion::hang}},
        Row{{W::hang}, {Occasion::hang, Occasion::stall}}})
    for (const Occasion occasion :
         {Occasion::end, Occasion::failure, Occasion::hang, Occasion::stall})
      EXPECT_EQ(is_told(target(row.on), occasion, spec), row.told.contains(occasion))
          << to_word(occasion);
}

TEST(Notice, TargetThatAJobNamesIsToldOfAllOfIt) {
  JobSpec spec = plain_spec();
  spec.notify = {"ops"};
  for (const Occasion occasion :
       {Occasion::end, Occasion::failure, Occasion::hang, Occasion::stall}) {
    EXPECT_TRUE(is_told(target({}), occasion, spec));
    EXPECT_FALSE(is_told(target({}, "others"), occasion, spec));
  }
}

TEST(Notice, SecretsAreNeverTold) {
  Job job = ended_job(JobState::failed, Reason::exit_code);
  const std::string secret = "hunter2-and-more";
  job.spec.secrets = {"PASS_PHRASE"};
  job.spec.name = "with-" + secret;
  job.spec.command = {"curl", "-H", secret};
  job.spec.directory = "/" + secret;
  job.spec.environment = {{"PASS_PHRASE", secret}};
  job.error = "401 for " + secret + " and tok-12345678";
  job.spec.tags = {secret};
  job.attempt.results_dir = "/results/" + secret;
  const auto secrets = secret_values(job.spec, {"API_TOKEN=tok-12345678", "HOME=/home"});
  const Notice notice = make_notice(job, Occasion::failure, "host", secrets);
  const std::string all = to_payload(notice, {0}) + notice.subject + notice.text;
  EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  EXPECT_EQ(all.find("tok-1"), std::string::npos) << all;
  EXPECT_NE(notice.subject.find("401 for *** and ***"), std::string::npos) << notice.subject;
}

TEST(Notice, ShortAndUnmarkedValuesAreNoSecrets) {
  JobSpec spec = plain_spec();
  spec.secrets = {"PIN"};
  EXPECT_EQ(secret_values(spec, {"PIN=123", "API_KEY=abcd", "PATH=/usr/bin"}),
            std::vector<std::string>{"abcd"});
}

TEST(Notice, SecretInsideOfAnotherIsMaskedAsAWhole) {
  JobSpec spec = plain_spec();
  const auto values = secret_values(spec, {"A_TOKEN=secret", "B_TOKEN=secretsecret2"});
  EXPECT_EQ(mask_secrets("x secretsecret2 y secret", values), "x *** y ***");
}

TEST(Notice, SubjectIsOneShortPrintableLine) {
  Job job = ended_job(JobState::failed, Reason::exit_code);
  job.error = "one\r\nBcc: all@example.org\x1b[31m" + std::string(5000, 'x');
  const Notice notice = make_notice(job, Occasion::failure, "host", {});
  EXPECT_LE(notice.subject.size(), limits::notice_line_bytes_max + 3);
  for (const char c : notice.subject) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  job.error = std::string(limits::notice_line_bytes_max - 1, 'x');
  for (int i = 0; i < 400; ++i) job.error += "\xe2\x82\xac";
  const std::string cut = make_notice(job, Occasion::failure, "host", {}).subject;
  EXPECT_EQ(cut.find("\xef\xbf\xbd"), std::string::npos) << "cut through a character";
}

TEST(Notice, PayloadTellsTheEndAndGetsItsNumber) {
  Job job = ended_job(JobState::failed, Reason::exit_code);
  job.error = "exit code 3";
  const Notice notice = make_notice(job, Occasion::failure, "box", {});
  const json::object payload = payload_of(notice);
  EXPECT_EQ(payload.at("kind"), "failure");
  EXPECT_EQ(payload.at("host"), "box");
  EXPECT_EQ(payload.at("job").at("id"), 7);
  EXPECT_EQ(payload.at("job").at("state"), "failed");
  EXPECT_EQ(payload.at("job").at("exit_code"), 3);
  EXPECT_FALSE(payload.at("job").as_object().contains("command"));
  const auto with = parse_json(with_id(to_payload(notice, {0}), "ab-12", 99)).value();
  EXPECT_EQ(with.at("id"), "ab-12");
  EXPECT_EQ(with.at("event"), 99);
}

TEST(Notice, DigestCountsAllAndNamesSome) {
  std::vector<DigestEntry> entries;
  for (int i = 1; i <= 495; ++i)
    entries.push_back({i % 5 == 0 ? Occasion::hang : Occasion::failure,
                       {i},
                       "job " + std::to_string(i) + " failed"});
  const Notice digest = make_digest(entries, "box");
  EXPECT_EQ(digest.subject, "495 notices from box: 396 failure, 99 hang");
  const json::object payload = payload_of(digest);
  EXPECT_EQ(payload.at("kind"), "digest");
  EXPECT_EQ(payload.at("count"), 495U);
  EXPECT_EQ(payload.at("notices").as_array().size(), limits::digest_entries_max);
  EXPECT_NE(digest.text.find("and 445 more"), std::string::npos);
}

TEST(Notice, PlaceShowsNoKeys) {
  WebhookWay hook;
  hook.url = std::string("https:") + "//ann:geheim@localhost:8443/T0/B0/geheim?key=geheim";
  EXPECT_EQ(place_of(hook), "https://localhost:8443");
  hook.url.clear();
  hook.url_place.variable = "HOOK";
  EXPECT_EQ(place_of(hook), "$HOOK");
  EXPECT_EQ(place_of(CommandWay{{"/bin/tell", "--key", "geheim"}}), "/bin/tell");
}

}  // namespace
}  // namespace reeve::test
