// The tables `[notify.NAME]` and `[retention]`.

#include "daemon/notice_config.h"

#include <gtest/gtest.h>

#include "core/delivery_order.h"
#include "daemon/config.h"
#include "support.h"

namespace reeve::test {
namespace {

Result<Config> config_of(std::string_view text) {
  const TemporaryFolder folder;
  write_file(folder.file("config.toml"), text);
  return load_config(folder.file("config.toml"));
}

Result<Config> target_of(const std::string& keys) {
  return config_of("[notify.ops]\n" + keys);
}

TEST(NoticeConfig, EachWayIsRead) {
  const auto config = config_of(
      "[notify.run]\ncommand = [\"/bin/tell\", \"-x\"]\non = [\"end\", \"hang\"]\nburst = 3\n"
      "window = \"1m\"\ntime_limit = \"5s\"\n"
      "[notify.hook]\nwebhook = \"https://localhost/x\"\nkey_file = \"/k\"\n"
      "token_variable = \"T\"\nca_file = \"/ca\"\nallow = [\"10.0.0.0/8\", \"::1\"]\n"
      "[notify.mail]\nmail = [\"a@b.c\", \"d@e.f\"]\nserver = \"mx\"\nport = 2525\ntls = \"tls\"\n"
      "user = \"u\"\npassword_file = \"/p\"\nfrom = \"r@b.c\"\n"
      "[notify.screen]\ndesktop = true\n");
  ASSERT_TRUE(config) << config.error().message;
  const NoticeTargets& targets = config->notice_targets;
  ASSERT_EQ(targets.size(), 4U);
  const NoticeTarget& run = targets.at("run");
  EXPECT_EQ(std::get<CommandWay>(run.way).words, (std::vector<std::string>{"/bin/tell", "-x"}));
  EXPECT_EQ(run.on, (std::set<NoticeWish>{NoticeWish::end, NoticeWish::hang}));
  EXPECT_EQ(run.burst, 3);
  EXPECT_EQ(run.window, Duration(60'000));
  EXPECT_EQ(run.time_limit, Duration(5000));
  const auto& hook = std::get<WebhookWay>(targets.at("hook").way);
  EXPECT_EQ(hook.key.file, "/k");
  EXPECT_EQ(hook.token.variable, "T");
  EXPECT_EQ(hook.ca_file, "/ca");
  EXPECT_EQ(hook.allow.size(), 2U);
  const auto& mail = std::get<MailWay>(targets.at("mail").way);
  EXPECT_EQ(mail.tls, MailTls::tls);
  EXPECT_EQ(mail.port, 2525);
  EXPECT_EQ(mail.to.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<DesktopWay>(targets.at("screen").way));
}

TEST(NoticeConfig, FaultsAreNamed) {
  const std::string mail = "mail = \"a@b.c\"\nserver = \"mx\"\nfrom = \"r@b.c\"\n";
  ASSERT_TRUE(target_of(mail));
  for (const auto& [keys, word] : std::vector<std::pair<std::string, std::string>>{
           {"", "say one way"},
           {"desktop = false\n", "say one way"},
           {"desktop = true\nmail = \"a@b.c\"\n", "say one way"},
           {"desktop = true\nserver = \"mx\"\n", "`server` has a meaning only with `mail`"},
           {mail + "token_file = \"/t\"\n", "`token_file` has a meaning only with `webhook`"},
           {"desktop = true\non = [\"failures\"]\n", "not `failures`"},
           {"desktop = true\nbursts = 3\n", "did you mean `burst`"},
           {"desktop = true\nwindow = \"0\"\n", "expected a duration"},
           {"desktop = true\ntime_limit = \"20m\"\n", "expected a duration"},
           {"command = [\"tell\"]\n", "absolute path"},
           {"command = []\n", "expected a text"},
           {"webhook = \"http://localhost/\"\n", "https://"},
           {"webhook = \"ftp://x/\"\nplain_http = true\n", "https://"},
           {"webhook = \"https://localhost/\\r\\nEvil: 1\"\n", "without control characters"},
           {"webhook = \"https://localhost/ y\"\n", "no spaces"},
           {"webhook = \"https://localhost/\"\nallow = [\"intranet\"]\n", "takes networks"},
           {"webhook = \"https://localhost/\"\nkey_file = \"/a\"\nkey_variable = \"B\"\n",
            "not in both"},
           {"mail = \"a@b.c\"\nfrom = \"r@b.c\"\n", "needs a `server`"},
           {"mail = \"a@b.c\"\nserver = \"m/x\"\nfrom = \"r@b.c\"\n", "needs a `server`"},
           {"mail = \"a@b.c\"\nserver = \"mx\"\n", "in `from`"},
           {"mail = \"a@b.c>\"\nserver = \"mx\"\nfrom = \"r@b.c\"\n", "takes addresses"},
           {mail + "tls = \"ssl\"\n", "starttls, tls or none"},
           {mail + "user = \"u\"\n", "goes with"},
           {mail + "password_file = \"/p\"\n", "goes with"},
           {mail + "port = 99999\n", "1 to 65535"},
           {mail + "tls = \"none\"\nuser = \"u\"\npassword_file = \"/p\"\n", "without TLS"}}) {
    const auto config = target_of(keys);
    ASSERT_FALSE(config) << keys;
    EXPECT_NE(config.error().message.find(word), std::string::npos)
        << keys << ": " << config.error().message;
  }
}

TEST(NoticeConfig, AddressesCannotHoldAnother) {
  for (const char* good : {"a@b.c", "first.last+tag@host", "x_y@1.2"})
    EXPECT_TRUE(is_mail_address(good)) << good;
  for (const char* bad : {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\r\nX: y", "a@b>", "<a@b>",
                          "a@b,c@d", "\"a\"@b", "a@b;c", "-oX@b", "\xc3\xa4@b"})
    EXPECT_FALSE(is_mail_address(bad)) << bad;
}

TEST(NoticeConfig, RetentionIsRead) {
  EXPECT_FALSE(config_of("")->retention.is_set());
  const auto config = config_of("[retention]\ndays = 30\nrecords_days = 365.5\nsize = \"50GB\"\n");
  ASSERT_TRUE(config) << config.error().message;
  const RetentionPolicy& policy = config->retention;
  EXPECT_EQ(policy.results_age, std::chrono::hours(24 * 30));
  EXPECT_EQ(policy.logs_age, std::chrono::hours(24 * 30)) << "as the rest, unless it is given";
  EXPECT_EQ(policy.record_age, std::chrono::hours(8772));
  EXPECT_EQ(policy.bytes_max, 50'000'000'000);
  EXPECT_EQ(config_of("[retention]\nlogs_days = 7\n")->retention.results_age, std::nullopt);
  for (const char* bad : {"days = 0", "days = -1", "days = \"30d\"", "days = nan", "size = \"x\"",
                          "day = 3", "days = true"})
    EXPECT_FALSE(config_of(std::string("[retention]\n") + bad + "\n")) << bad;
}

TEST(DeliveryOrder, EachWayComesBack) {
  DeliveryOrder order{"id", "end", "subject", "text\n", "{}", {5}, Duration(6), DesktopWay{}};
  EXPECT_TRUE(std::holds_alternative<DesktopWay>(order_from_text(to_text(order)).value().way));
  for (const NoticeWay& way : std::vector<NoticeWay>{
           CommandWay{{"/x", "\xff\n"}},
           WebhookWay{"u", {"a", "b"}, {"c", "d"}, {"e", "f"}, "g", {"h"}, true},
           MailWay{"h", 1, MailTls::none, "u", {"f", "v"}, "a@b", {"c@d"}, "ca"}}) {
    order.way = way;
    const auto back = order_from_text(to_text(order));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->way, way);
    EXPECT_EQ(back->id, "id");
    EXPECT_EQ(back->text, "text\n");
    EXPECT_EQ(back->at, UtcTime{5});
    EXPECT_EQ(back->time_limit, Duration(6));
  }
  EXPECT_FALSE(order_from_text("{}"));
  EXPECT_FALSE(order_from_text("{\"id\": 5}"));
}

TEST(DeliveryOrder, OutcomeComesBack) {
  const auto back =
      outcome_from_text(to_text(TryOutcome{TryOutcome::Kind::permanent, "no \xff", Duration(5)}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, TryOutcome::Kind::permanent);
  EXPECT_EQ(back->error, "no \xff");
  EXPECT_EQ(back->retry_after, Duration(5));
  EXPECT_FALSE(outcome_from_text("{\"kind\": \"fine\"}"));
  EXPECT_FALSE(outcome_from_text(""));
}

}  // namespace
}  // namespace reeve::test
