// Which addresses a webhook may reach.

#include "core/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace reeve::test {
namespace {

std::optional<std::string> refusal(const std::string& text,
                                   const std::vector<std::string>& allow = {}) {
  std::vector<Network> allowed;
  for (const std::string& network : allow) allowed.push_back(*parse_network(network));
  sockaddr_storage storage{};
  if (text.find(':') == std::string::npos) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &v4.sin_addr), 1);
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return find_refusal(reinterpret_cast<const sockaddr&>(storage), allowed);
}

TEST(Address, PublicOnesMayBeReached) {
  for (const char* address : {"1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1",
                              "100.63.255.255", "223.255.255.255", "2606:4700::1111",
                              "2a00:1450:4001::2004", "::ffff:8.8.8.8", "64:ff9b::808:808"})
    EXPECT_FALSE(refusal(address)) << address << ": " << refusal(address).value_or("");
}

TEST(Address, OthersMayNot) {
  for (const char* address : {"169.254.169.254",
                              "169.254.0.1",
                              "127.0.0.1",
                              "127.255.255.254",
                              "0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.1",
                              "10.255.255.255",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.0.1",
                              "100.64.0.1",
                              "100.100.100.200",
                              "192.0.0.192",
                              "198.18.0.1",
                              "224.0.0.1",
                              "239.255.255.250",
                              "240.0.0.1",
                              "255.255.255.255",
                              "fe80::1",
                              "febf::1",
                              "fd00:ec2::254",
                              "fc00::1",
                              "fdff::1",
                              "::1",
                              "::",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:169.254.169.254",
                              "::ffff:10.1.2.3",
                              "::127.0.0.1",
                              "64:ff9b::a9fe:a9fe",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2002:a9fe:a9fe::1",
                              "64:ff9b:1::1",
                              "2001:db8::1",
                              "5f00::1"})
    EXPECT_TRUE(refusal(address)) << address;
}

TEST(Address, WhatTheConfigurationAllowsMayBeReached) {
  EXPECT_FALSE(refusal("127.0.0.1", {"127.0.0.1"}));
  EXPECT_FALSE(refusal("127.0.0.2", {"127.0.0.0/8"}));
  EXPECT_FALSE(refusal("10.4.5.6", {"192.168.0.0/16", "10.0.0.0/8"}));
  EXPECT_FALSE(refusal("fd12::5", {"fd12::/16"}));
  EXPECT_FALSE(refusal("::ffff:10.0.0.5", {"10.0.0.0/8"}));
  EXPECT_FALSE(refusal("169.254.169.254", {"169.254.169.254"}));
}

TEST(Address, WhatItDoesNotAllowStaysRefused) {
  EXPECT_TRUE(refusal("127.0.0.2", {"127.0.0.1"}));
  EXPECT_TRUE(refusal("11.0.0.1", {"10.0.0.0/8"}).has_value() == false) << "it is public";
  EXPECT_TRUE(refusal("192.168.2.1", {"192.168.0.0/23"}));
  EXPECT_FALSE(refusal("192.168.1.255", {"192.168.0.0/23"}));
  EXPECT_TRUE(refusal("fe80::1", {"fd00::/8"}));
  EXPECT_TRUE(refusal("::1", {"127.0.0.0/8"}));
}

TEST(Address, RefusalNamesTheAddressAndTheWayOut) {
  const auto words = refusal("169.254.169.254");
  ASSERT_TRUE(words);
  EXPECT_NE(words->find("169.254.169.254"), std::string::npos);
  EXPECT_NE(words->find("allow = ["), std::string::npos);
}

TEST(Address, NetworksAreReadStrictly) {
  for (const char* good : {"10.0.0.0/8", "10.1.2.3", "::/0", "fd00::/8", "0.0.0.0/0", "::1/128"})
    EXPECT_TRUE(parse_network(good)) << good;
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0/8", "::/129", "fd00::/-1", "example.org",
                          "10.0.0.0/", "10.0.0.0/8x", "0x7f.1", "127.1"})
    EXPECT_FALSE(parse_network(bad)) << bad;
}

}  // namespace
}  // namespace reeve::test
