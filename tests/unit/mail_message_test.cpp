// Mails are what RFC 5322 and 2047 want, whatever a job is called.

#include "notify/mail_message.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>

#include "notify/secret_reader.h"
#include "notify/transfer.h"
#include "support.h"

namespace reeve::test {
namespace {

MailWay way() {
  MailWay out;
  out.from = "reeve@example.org";
  out.to = {"ann@example.org", "bob@example.org"};
  return out;
}

DeliveryOrder order(std::string subject, std::string text = "text\n") {
  DeliveryOrder out;
  out.id = "0123456789abcdef-12";
  out.occasion = "failure";
  out.subject = std::move(subject);
  out.text = std::move(text);
  out.at = {1'795'944'600'123};  // 2026-11-29T09:30:00.123Z
  return out;
}

struct Parsed {
  std::vector<std::string> headers;  // unfolded
  std::string body;
  std::size_t longest = 0;
};

Parsed parse(const std::string& mail) {
  Parsed out;
  bool is_body = false;
  for (std::size_t at = 0; at < mail.size();) {
    const auto end = mail.find("\r\n", at);
    EXPECT_NE(end, std::string::npos) << "a line without its end";
    if (end == std::string::npos) break;
    const std::string line = mail.substr(at, end - at);
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
    out.longest = std::max(out.longest, line.size());
    for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << int(c);
    at = end + 2;
    if (is_body)
      out.body += line + "\n";
    else if (line.empty())
      is_body = true;
    else if (line.front() == ' ')
      out.headers.back() += line;
    else
      out.headers.push_back(line);
  }
  return out;
}

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=') {
      out += text[at];
    } else if (text[at + 1] == '\n') {
      ++at;
    } else {
      out += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
      at += 2;
    }
  }
  return out;
}

TEST(Mail, DateIsThatOfRfc5322) {
  EXPECT_EQ(notify::mail_date({0}), "Thu, 01 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(notify::mail_date({1'795'944'600'123}), "Sun, 29 Nov 2026 09:30:00 +0000");
  EXPECT_EQ(notify::mail_date({951'782'400'000}), "Tue, 29 Feb 2000 00:00:00 +0000");
}

TEST(Mail, HeadersAreWhole) {
  const Parsed mail = parse(notify::compose_mail(order("train failed"), way()));
  EXPECT_EQ(mail.headers[1], "From: reeve@example.org");
  EXPECT_EQ(mail.headers[2], "To: ann@example.org, bob@example.org");
  EXPECT_EQ(mail.headers[3], "Subject: train failed");
  EXPECT_EQ(mail.headers[4], "Message-ID: <0123456789abcdef-12@example.org>");
  EXPECT_EQ(mail.headers[5], "Auto-Submitted: auto-generated");
  EXPECT_EQ(mail.body, "text\n");
}

TEST(Mail, HostileNameMakesNoHeaderAndNoLine) {
  for (const char* name :
       {"x\r\nBcc: all@example.org", "x\nSubject: other", "x\r\n\r\nbody", "x\rTo: all",
        "=?utf-8?Q?x=0D=0ABcc:_all?=", "\x1b]0;x\x07", "\xff\xfe", "\xe2\x80\xae txt"}) {
    const Parsed plain = parse(notify::compose_mail(order("x"), way()));
    const Parsed mail = parse(notify::compose_mail(order(name), way()));
    EXPECT_EQ(mail.headers.size(), plain.headers.size()) << name;
    EXPECT_EQ(mail.body, plain.body) << name;
  }
}

TEST(Mail, LongAndForeignSubjectsAreEncodedWords) {
  std::string subject;
  for (int i = 0; i < 100; ++i) subject += "\xc3\xa4\xe2\x82\xac ";
  const std::string header = notify::encoded_header(subject);
  std::istringstream lines(header);
  std::size_t words = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with(' ')) line.erase(0, 1);
    ++words;
    EXPECT_LE(line.size(), 75U);
    EXPECT_TRUE(line.starts_with("=?utf-8?B?") && line.ends_with("?=")) << line;
  }
  EXPECT_GT(words, 5U);
  EXPECT_EQ(notify::encoded_header("plain"), "plain");
  EXPECT_EQ(notify::encoded_header("\xc3\xa4"), "=?utf-8?B?w6Q=?=");
  EXPECT_NE(notify::encoded_header("=?x"), "=?x") << "what looks encoded is encoded";
}

TEST(Mail, BodyComesBackAndHasShortLines) {
  for (const std::string& text :
       {std::string("plain\n"), std::string("a = b\n.\n..\n"), std::string("tail  \n\n\nx\n"),
        std::string("\xc3\xa4\xf0\x9f\x90\xa7\n"), std::string(300, 'x') + "\n",
        std::string(80, '=') + "\n", std::string("tab\tand \xff byte\n")}) {
    const std::string encoded = notify::quoted_printable(text);
    std::istringstream lines(encoded);
    std::string unix_lines;
    for (std::string line; std::getline(lines, line);) {
      ASSERT_TRUE(line.ends_with('\r'));
      line.pop_back();
      EXPECT_LE(line.size(), 76U);
      EXPECT_FALSE(line.ends_with(' '));
      unix_lines += line + "\n";
    }
    EXPECT_EQ(decoded(unix_lines), text);
  }
}

TEST(Signature, IsThatOfStandardWebhooks) {
  // The key of 32 zero bytes; checked with Python's hmac module.
  EXPECT_EQ(notify::signature_of("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "msg_1",
                                 1'700'000'000, "{}"),
            "v1,LzeNxZHo3O8fwpFJpLh/0B99ugILNFJw+/9lTgx0APs=");
  EXPECT_EQ(notify::signature_of("geheim", "msg_1", 1'700'000'000, "{}"),
            "v1,E0US92BWCN+qfwd4LxcZe98w6X+RtWhCjB2FVwWHaSc=");
}

TEST(Secret, IsTheFirstLineOfAPrivateFile) {
  const TemporaryFolder folder;
  const std::string path = folder.file("secret");
  write_file(path, "geheim\nmore\n");
  ::chmod(path.c_str(), 0600);
  EXPECT_EQ(notify::read_secret({path, ""}).value(), "geheim");
  ::chmod(path.c_str(), 0640);
  EXPECT_TRUE(notify::read_secret({path, ""})) << "a group may be meant";
  ::chmod(path.c_str(), 0644);
  const auto open_to_all = notify::read_secret({path, ""});
  ASSERT_FALSE(open_to_all);
  EXPECT_EQ(open_to_all.error().message.find("geheim"), std::string::npos);
  write_file(path, "\n");
  ::chmod(path.c_str(), 0600);
  EXPECT_FALSE(notify::read_secret({path, ""})) << "an empty one";
  EXPECT_FALSE(notify::read_secret({folder.file("none"), ""}));
  EXPECT_FALSE(notify::read_secret({"", "REEVE_NO_SUCH_VARIABLE"}));
  EXPECT_EQ(notify::read_secret({}).value(), "");
}

}  // namespace
}  // namespace reeve::test
