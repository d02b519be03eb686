// SPDX-License-Identifier: Apache-2.0
#include "platform/credentials.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "platform/scratch_directory.h"

namespace sluice {
namespace {

using namespace literals;

class CredentialsTest : public ::testing::Test {
 protected:
  std::string path() const { return scratch_.path() + "/secret"; }
  // As careful people do it: another file under the same name.
  void rotate(const std::string& text) const {
    std::ofstream(path() + ".new") << text;
    std::filesystem::rename(path() + ".new", path());
  }
  Secret from_file(const std::string& before = "", const std::string& now = "first") const {
    return Secret(before + now, {{false, before}, {true, path()}});
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const curl_slist* at = credentials_.headers()->get(); at != nullptr; at = at->next) {
      all.emplace_back(at->data);
    }
    return all;
  }
  bool has(const std::string& line) const {
    const std::vector<std::string> all = lines();
    return std::find(all.begin(), all.end(), line) != all.end();
  }
  std::string shown(std::string_view text, int32_t status = 400) {
    WireAnswer answer;
    answer.status = status;
    std::copy_n(text.data(), std::min(text.size(), answer.text.size() - 1), answer.text.data());
    credentials_.after(answer);
    return std::string(answer.text_view());
  }

  ScratchDirectory scratch_;
  Credentials credentials_;
};

TEST_F(CredentialsTest, ASecretFollowsItsFileAfterTheNextLook) {
  rotate("first\n");
  Authentication auth;
  auth.bearer = from_file();
  ASSERT_TRUE(credentials_.set_up({{"X-Api-Key", from_file("id:")}}, auth).ok());
  credentials_.refresh(MonoTime(1));
  EXPECT_TRUE(has("Authorization: Bearer first"));
  EXPECT_TRUE(has("X-Api-Key: id:first"));
  rotate("second\r\n");
  credentials_.refresh(MonoTime(2));
  EXPECT_TRUE(has("Authorization: Bearer first")) << "one look a second";
  credentials_.refresh(MonoTime(1) + Credentials::kLookEvery);
  EXPECT_TRUE(has("Authorization: Bearer second"));
  EXPECT_TRUE(has("X-Api-Key: id:second"));
}

TEST_F(CredentialsTest, ARefusalMakesTheNextLookImmediate) {
  rotate("first");
  Authentication auth;
  auth.bearer = from_file();
  ASSERT_TRUE(credentials_.set_up({}, auth).ok());
  credentials_.refresh(MonoTime(1));
  rotate("second");
  shown("", 500);
  credentials_.refresh(MonoTime(2));
  EXPECT_TRUE(has("Authorization: Bearer first"));
  shown("", 401);
  credentials_.refresh(MonoTime(3));
  EXPECT_TRUE(has("Authorization: Bearer second"));
}

TEST_F(CredentialsTest, HalfARotationLeavesTheSecretAsItWas) {
  rotate("first");
  Authentication auth;
  auth.bearer = from_file();
  ASSERT_TRUE(credentials_.set_up({}, auth).ok());
  MonoTime now(1);
  const auto look = [&] {
    now = now + Credentials::kLookEvery;
    credentials_.refresh(now);
  };
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("two\nlines"), std::string(9000, 'x')}) {
    rotate(bad);
    look();
    EXPECT_TRUE(has("Authorization: Bearer first")) << bad.size();
  }
  std::filesystem::remove(path());
  look();
  EXPECT_TRUE(has("Authorization: Bearer first"));
  std::filesystem::create_directory(path());
  look();
  EXPECT_TRUE(has("Authorization: Bearer first"));
  std::filesystem::remove(path());
  rotate("second");
  look();
  EXPECT_TRUE(has("Authorization: Bearer second"));
}

TEST_F(CredentialsTest, ARequestKeepsTheListThatItWasSentWith) {
  rotate("first");
  Authentication auth;
  auth.bearer = from_file();
  ASSERT_TRUE(credentials_.set_up({}, auth).ok());
  const std::shared_ptr<const HeaderList> before = credentials_.headers();
  rotate("second");
  credentials_.refresh(MonoTime(1));
  ASSERT_TRUE(has("Authorization: Bearer second"));
  EXPECT_STREQ(before->get()->next->data, "Authorization: Bearer first");
}

TEST_F(CredentialsTest, BasicIsUserAndPasswordInBase64) {
  Authentication auth;
  auth.username = "Aladdin";
  auth.password = Secret("open sesame");
  ASSERT_TRUE(credentials_.set_up({}, auth).ok());
  EXPECT_TRUE(has("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));  // RFC 7617
}

TEST_F(CredentialsTest, ASignatureIsHmacSha256OverTimeAndBody) {
  Authentication auth;
  auth.sign_key = Secret("key");
  ASSERT_TRUE(credentials_.set_up({}, auth).ok());
  ASSERT_TRUE(credentials_.signs());
  const std::string_view body = "The quick brown fox";
  std::array<char, 256> line{};
  credentials_.write_signature(std::as_bytes(std::span(body.data(), body.size())),
                               WallTime(1'700'000'000'999'999'999), line);
  // printf '1700000000.The quick brown fox' | openssl dgst -sha256 -hmac key
  EXPECT_STREQ(line.data(),
               "X-Signature: t=1700000000,v1="
               "94a2d29c55d07d9333ce48f2c48db8237d363908152c26bf57af92cd850f9901");
}

TEST_F(CredentialsTest, WhatAPeerRepeatsIsHidden) {
  rotate("first-token");
  Authentication auth;
  auth.bearer = from_file("", "first-token");
  ASSERT_TRUE(credentials_.set_up({{"X-Api-Key", Secret("Key abc-123")}}, auth).ok());
  EXPECT_EQ(shown("you sent first-token, abc-123 and first-token!"),
            "you sent ***********, ******* and ***********!");
  rotate("next-token");
  credentials_.refresh(MonoTime(1));
  EXPECT_EQ(shown("first-token next-token"), "*********** **********") << "the one before, too";
  // The answer's text is cut off within the secret.
  const std::string long_text = std::string(195, 'x') + "next-token";
  EXPECT_EQ(shown(long_text), std::string(195, 'x') + "****");
  EXPECT_EQ(shown("nothing of it"), "nothing of it");
}

TEST_F(CredentialsTest, HeadersThatFrameTheRequestStayTheWires) {
  ASSERT_TRUE(credentials_
                  .set_up({{"content-LENGTH", Secret("1")},
                           {"Content-Type", Secret("text/plain")},
                           {"X-Empty", Secret()}},
                          {})
                  .ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{"Expect:", "Content-Type: text/plain", "X-Empty;"}));
  EXPECT_TRUE(credentials_.has_content_type());
  EXPECT_FALSE(Credentials().set_up({{"X-Two", Secret("a\r\nX-Three: b")}}, {}).ok());
}

}  // namespace
}  // namespace sluice
