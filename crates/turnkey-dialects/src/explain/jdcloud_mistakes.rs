//! What signers of JD Cloud's `OpenAPI` do wrong, the usual first.

mod request;

use super::jdcloud_recipe::{Body, Derived, Prefix, Recipe, Region, Text, Words};
use super::right::{JD_BODY, JD_KEY, Right};
use super::{Knob, Mistake};
use request::REQUEST;

const fn knob(
    code: &'static str,
    en: &'static str,
    zh: &'static str,
    right: &'static Right,
    turn: fn(&mut Recipe),
) -> Knob<Recipe> {
    let mistake = Mistake {
        code,
        en,
        zh,
        right,
    };
    Knob { mistake, turn }
}

/// In the order in which they are tried.
pub(super) fn knobs() -> Vec<&'static Knob<Recipe>> {
    KEY_AND_BODY.iter().chain(REQUEST).collect()
}

static KEY_AND_BODY: &[Knob<Recipe>] = &[
    knob(
        "secret_without_prefix",
        "the signer left out JDCLOUD2 (or JDCLOUD3) in front of the secret",
        "签名方没有在密钥前加 JDCLOUD2（或 JDCLOUD3）",
        &JD_KEY,
        |r| r.prefix = Prefix::None,
    ),
    knob(
        "secret_other_version",
        "the signer put the other version's word in front of the secret",
        "签名方在密钥前加了另一个版本的前缀",
        &JD_KEY,
        |r| r.prefix = Prefix::Other,
    ),
    knob(
        "secret_aws_prefix",
        "the signer put AWS4 in front of the secret, as at another house",
        "签名方像别家那样在密钥前加了 AWS4",
        &JD_KEY,
        |r| r.prefix = Prefix::Aws,
    ),
    knob(
        "key_not_derived",
        "the signer signed with the secret itself; the key is derived from day, region and service",
        "签名方直接用密钥签名；应先由日期、地域和服务派生",
        &JD_KEY,
        |r| r.derived = Derived::Secret,
    ),
    knob(
        "region_and_service_swapped",
        "the signer derived the key with region and service in each other's place",
        "签名方派生密钥时把地域和服务弄反了",
        &JD_KEY,
        |r| r.derived = Derived::RegionServiceSwapped,
    ),
    knob(
        "key_hex_between",
        "the signer passed hexadecimal text from one step of the key to the next; the bytes go on",
        "签名方在派生步骤之间传了十六进制文本；应传原始字节",
        &JD_KEY,
        |r| r.derived = Derived::HexBetween,
    ),
    knob(
        "key_without_terminator",
        "the signer left the terminator (jdcloud2_request) out of the key",
        "签名方派生密钥时漏掉了结尾词（jdcloud2_request）",
        &JD_KEY,
        |r| r.derived = Derived::WithoutTerminator,
    ),
    knob(
        "key_of_whole_date",
        "the signer derived the key from the whole date; only the day counts",
        "签名方派生密钥时用了完整时间；应只用日期",
        &JD_KEY,
        |r| r.derived = Derived::WholeDate,
    ),
    knob(
        "terminator_other_version",
        "the signer used the other version's terminator",
        "签名方用了另一个版本的结尾词",
        &JD_KEY,
        |r| r.terminator = Words::Other,
    ),
    knob(
        "day_of_date",
        "the signer signed with the day of x-jdcloud-date and stated another in Credential",
        "签名方签名用的是 x-jdcloud-date 的日期，Credential 里写的却是另一天",
        &JD_KEY,
        |r| r.day_of_date = true,
    ),
    knob(
        "region_of_path",
        "the signer signed the region in the path and stated another in Credential",
        "签名方签的是路径里的地域，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.region = Region::Path,
    ),
    knob(
        "region_none",
        "the signer signed jdcloud-api as the region and stated another in Credential",
        "签名方签的地域是 jdcloud-api，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.region = Region::None,
    ),
    knob(
        "region_cn_north_1",
        "the signer signed region cn-north-1 and stated another in Credential",
        "签名方签的地域是 cn-north-1，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.region = Region::North1,
    ),
    knob(
        "region_cn_east_1",
        "the signer signed region cn-east-1 and stated another in Credential",
        "签名方签的地域是 cn-east-1，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.region = Region::East1,
    ),
    knob(
        "region_cn_east_2",
        "the signer signed region cn-east-2 and stated another in Credential",
        "签名方签的地域是 cn-east-2，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.region = Region::East2,
    ),
    knob(
        "region_cn_south_1",
        "the signer signed region cn-south-1 and stated another in Credential",
        "签名方签的地域是 cn-south-1，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.region = Region::South1,
    ),
    knob(
        "service_bastion",
        "the signer signed service bastion and stated another in Credential",
        "签名方签的服务是 bastion，Credential 里写的却是另一个",
        &JD_KEY,
        |r| r.official_service = true,
    ),
    knob(
        "body_as_if_empty",
        "the signer digested no body, but sent one",
        "签名方按空正文计算摘要，却发送了正文",
        &JD_BODY,
        |r| r.body = Body::Empty,
    ),
    knob(
        "body_not_digested",
        "the signer left the digest of the body out",
        "签名方漏掉了正文摘要",
        &JD_BODY,
        |r| r.body = Body::NoDigest,
    ),
    knob(
        "body_unsigned",
        "the signer signed UNSIGNED-PAYLOAD for the body; here the body is signed",
        "签名方用 UNSIGNED-PAYLOAD 代替正文摘要；这里必须签正文",
        &JD_BODY,
        |r| r.body = Body::Unsigned,
    ),
    knob(
        "body_digest_stated",
        "the signer signed x-jdcloud-content-sha256, which is not the digest of what was sent",
        "签名方签的是 x-jdcloud-content-sha256，它不是所发正文的摘要",
        &JD_BODY,
        |r| r.body = Body::Stated,
    ),
    knob(
        "body_raw",
        "the signer signed the body itself; its digest goes there",
        "签名方直接签了正文；应放正文摘要",
        &JD_BODY,
        |r| r.body = Body::Raw,
    ),
    knob(
        "body_compact",
        "the body was signed as compact JSON, and spelt anew when it was sent",
        "正文按紧凑 JSON 签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::Compact,
    ),
    knob(
        "body_spaced",
        "the body was signed as JSON with spaces (Python), and spelt anew when it was sent",
        "正文按带空格的 JSON（Python）签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::Spaced,
    ),
    knob(
        "body_spaced_ascii",
        "the body was signed as JSON with spaces and \\u escapes (Python), and spelt anew when it was sent",
        "正文按带空格和 \\u 转义的 JSON（Python）签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::SpacedAscii,
    ),
    knob(
        "body_compact_ascii",
        "the body was signed as compact JSON with \\u escapes, and spelt anew when it was sent",
        "正文按带 \\u 转义的紧凑 JSON 签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::CompactAscii,
    ),
    knob(
        "body_pretty",
        "the body was signed as indented JSON, and spelt anew when it was sent",
        "正文按缩进 JSON 签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::Pretty,
    ),
    knob(
        "body_sorted",
        "the body was signed as JSON with sorted members, and spelt anew when it was sent",
        "正文按成员排序后的 JSON 签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::Sorted,
    ),
    knob(
        "body_slashes",
        "the body was signed as PHP writes JSON (\\/ and \\u escapes), and spelt anew when it was sent",
        "正文按 PHP 的 JSON 写法（\\/ 和 \\u 转义）签名，发送时又重新序列化",
        &JD_BODY,
        |r| r.body = Body::Slashes,
    ),
    knob(
        "body_line_break",
        "the body was signed with a line break at its end, and sent without",
        "正文签名时末尾有换行，发送时没有",
        &JD_BODY,
        |r| r.body = Body::LineBreak,
    ),
    knob(
        "body_trimmed",
        "the body was signed without the blanks at its ends, and sent with them",
        "正文签名时去掉了两端空白，发送时没有去掉",
        &JD_BODY,
        |r| r.body = Body::Trimmed,
    ),
    knob(
        "body_digest_upper",
        "the signer wrote the digest of the body in upper case",
        "签名方把正文摘要写成了大写",
        &JD_BODY,
        |r| r.body_text = Text::HexUpper,
    ),
    knob(
        "body_digest_base64",
        "the signer wrote the digest of the body in base64; it is hexadecimal",
        "签名方把正文摘要写成 base64；应为十六进制",
        &JD_BODY,
        |r| r.body_text = Text::Base64,
    ),
];
