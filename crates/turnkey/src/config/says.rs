//! Everything that a check may say about a configuration: the thing, the rule and the remedy, in
//! both languages, each under its stable code.

use std::path::Path;
use std::time::Duration;

use turnkey_drivers::{ReachError, WebhookSecretError};

use crate::words::{Said, say};

pub(super) fn no_file(path: &Path) -> Said {
    let path = path.display();
    say(
        "config_file_missing",
        format!("there is no file {path}; `turnkey init` writes a starter"),
        format!("没有文件 {path}；`turnkey init` 会写出一个样例"),
    )
}

pub(super) fn key_unknown(key: &str, near: Option<&str>, known: &[&'static str]) -> Said {
    let known = known.join(", ");
    match near {
        Some(near) => say(
            "key_unknown",
            format!("unknown key {key:?}; did you mean {near:?}?"),
            format!("没有键 {key:?}；是不是想写 {near:?}？"),
        ),
        None => say(
            "key_unknown",
            format!("unknown key {key:?}; known here: {known}"),
            format!("没有键 {key:?}；这里可以写：{known}"),
        ),
    }
}

pub(super) fn key_missing(key: &str) -> Said {
    say(
        "key_missing",
        format!("the key {key:?} is missing"),
        format!("缺少键 {key:?}"),
    )
}

pub(super) fn value_malformed(why: &str) -> Said {
    say("value_malformed", why, format!("值写得不对：{why}"))
}

pub(super) fn value_unknown(found: &str, near: Option<&str>, known: &[&str]) -> Said {
    let (en, zh) = match near {
        Some(near) => (
            format!("; did you mean {near:?}?"),
            format!("；是不是想写 {near:?}？"),
        ),
        None => (String::new(), String::new()),
    };
    say(
        "value_malformed",
        format!("{found:?} is none of {}{en}", known.join(", ")),
        format!("{found:?} 不在 {} 之中{zh}", known.join("、")),
    )
}

pub(super) fn store_unknown() -> Said {
    say(
        "store_unknown",
        "write sqlite:<file>; this release has no other store",
        "请写 sqlite:<文件>；这个版本没有别的存储",
    )
}

pub(super) fn clock_virtual() -> Said {
    say(
        "clock_virtual",
        "whoever may run `turnkey clock advance` decides when terms end; only for trials",
        "谁能运行 `turnkey clock advance`，谁就能决定期限何时结束；只用于试验",
    )
}

pub(super) fn no_batch() -> Said {
    say(
        "batch_empty",
        "a transaction holds at least one job",
        "一个事务至少要装得下一件工作",
    )
}

pub(super) fn nothing_listed() -> Said {
    say(
        "nothing_listed",
        "nothing is listed, so nobody can buy; add [listing.<name>]",
        "没有上架任何商品，所以没有人能买；请加上 [listing.<名字>]",
    )
}

pub(super) fn not_http(url: &str) -> Said {
    say(
        "url_malformed",
        format!("{url:?} is not an http(s) address"),
        format!("{url:?} 不是 http(s) 地址"),
    )
}

pub(super) fn not_an_address(address: &str) -> Said {
    say(
        "listen_malformed",
        format!("{address:?} is not an address such as 127.0.0.1:8686"),
        format!("{address:?} 不是像 127.0.0.1:8686 这样的地址"),
    )
}

pub(super) fn no_plan(product: &str) -> Said {
    say(
        "plan_missing",
        format!("has no plan; add [product.{product}.plan.<plan>]"),
        format!("没有套餐；请加上 [product.{product}.plan.<套餐>]"),
    )
}

pub(super) fn driver_section_missing(product: &str, driver: &str, key: &str) -> Said {
    say(
        "driver_section_missing",
        format!("add [product.{product}.{driver}] with its {key}"),
        format!("请加上 [product.{product}.{driver}]，并写明 {key}"),
    )
}

pub(super) fn driver_section_other() -> Said {
    say(
        "driver_section_other",
        "belongs to another driver than the one named",
        "属于另一个驱动，不是所写的那一个",
    )
}

pub(super) fn no_time() -> Said {
    say(
        "timeout_zero",
        "a driver needs some time",
        "驱动总要一点时间",
    )
}

pub(super) fn no_program() -> Said {
    say("program_missing", "names no program", "没有写明程序")
}

pub(super) fn demo_only() -> Said {
    say(
        "demo_only",
        "the demo driver delivers nothing; only `turnkey demo` uses it",
        "demo 驱动什么都不交付；只有 `turnkey demo` 用它",
    )
}

pub(super) fn not_a_share(rate: f64) -> Said {
    say(
        "rate_malformed",
        format!("{rate} is not between 0 and 1"),
        format!("{rate} 不在 0 和 1 之间"),
    )
}

pub(super) fn not_a_webhook_secret(error: WebhookSecretError) -> Said {
    let zh = match error {
        WebhookSecretError::Form => "webhook 密钥写成 whsec_ 加 Base64；可以这样生成：\
             echo whsec_$(openssl rand -base64 32)"
            .to_owned(),
        WebhookSecretError::Length(bytes) => {
            format!("webhook 密钥有 24 到 64 字节，这一个有 {bytes} 字节")
        }
    };
    say("webhook_secret_malformed", error.to_string(), zh)
}

pub(super) fn account_in_url() -> Said {
    say(
        "account_in_url",
        "an account does not stand in an address; calls are signed with `secret`",
        "地址里不要写账号；调用用 `secret` 签名",
    )
}

pub(super) fn hook_in_the_open() -> Said {
    say(
        "hook_in_the_open",
        "is not https: what buyers log in with travels in the open",
        "不是 https：买家的登录信息会明文传输",
    )
}

pub(super) fn not_asked(dialect: &str, fit: &[&str]) -> Said {
    let (en, zh) = (fit.join(", "), fit.join("、"));
    say(
        "spi_dialect_unfit",
        format!("no vendor is asked for an instance in {dialect}; {en} can be"),
        format!("{dialect} 不能用来向别的服务商要实例；可以用 {zh}"),
    )
}

pub(super) fn reach_malformed(error: &ReachError) -> Said {
    let ReachError(entry) = error;
    let zh = format!("{entry:?} 不是地址、地址段（10.0.0.0/8）或主机名");
    say("reach_malformed", error.to_string(), zh)
}

pub(super) fn out_of_reach(why: &str) -> Said {
    say(
        "address_out_of_reach",
        why,
        format!("不公开的地址要写进 `reach` 才会去调用：{why}"),
    )
}

pub(super) fn vendor_not_https(title: &str) -> Said {
    say(
        "vendor_not_https",
        format!("{title} calls https only; over http only a vendor that `reach` names"),
        format!("{title} 只用 https 调用；只有写进 `reach` 的服务商可以用 http"),
    )
}

pub(super) fn plan_without_words() -> Said {
    say(
        "plan_words_malformed",
        "write what the vendor calls this plan, and nothing else: { spec = \"…\", package = \"…\" }",
        "请写明服务商怎样称呼这个套餐，不要写别的：{ spec = \"…\", package = \"…\" }",
    )
}

/// A hint at the word that was meant, where one looks like it.
fn hint(near: Option<&str>) -> (String, String) {
    near.map_or_else(Default::default, |near| {
        (
            format!("; did you mean {near:?}?"),
            format!("；是不是想写 {near:?}？"),
        )
    })
}

pub(super) fn no_product(product: &str, near: Option<&str>) -> Said {
    let (en, zh) = hint(near);
    say(
        "product_unknown",
        format!("there is no product {product:?}{en}"),
        format!("没有产品 {product:?}{zh}"),
    )
}

pub(super) fn product_has_no_plan(product: &str, plan: &str, near: Option<&str>) -> Said {
    let (en, zh) = hint(near);
    say(
        "plan_undefined",
        format!("product {product:?} has no plan {plan:?}{en}"),
        format!("产品 {product:?} 没有套餐 {plan:?}{zh}"),
    )
}

pub(super) fn no_zone(zone: &str) -> Said {
    say(
        "time_zone_unknown",
        format!("there is no time zone {zone:?}; write one such as Asia/Shanghai"),
        format!("没有时区 {zone:?}；请写像 Asia/Shanghai 这样的"),
    )
}

pub(super) fn skew_out_of_range() -> Said {
    say(
        "clock_skew_out_of_range",
        "must be more than 0 and at most 15m",
        "必须大于 0，最多 15m",
    )
}

pub(super) fn no_contact() -> Said {
    say(
        "vendor_contact_missing",
        "is missing: whoever waits at a holding link learns nobody to ask; add contact to [vendor]",
        "没有写：在等待页上等候的买家不知道该问谁；请在 [vendor] 里加上 contact",
    )
}

pub(super) fn name_malformed() -> Said {
    say(
        "name_malformed",
        "a name is made of a-z, 0-9, - and _, and has at most 64 characters",
        "名字由 a-z、0-9、- 和 _ 组成，最多 64 个字符",
    )
}

pub(super) fn no_dialect(name: &str, near: Option<&str>, known: &[&str]) -> Said {
    let (en, zh) = match near {
        Some(_) => hint(near),
        None => {
            let known = known.join(", ");
            (format!("; known: {known}"), format!("；已有的：{known}"))
        }
    };
    say(
        "dialect_unknown",
        format!("there is no dialect {name:?}{en}"),
        format!("没有协议 {name:?}{zh}"),
    )
}

pub(super) fn no_key() -> Said {
    say(
        "keys_missing",
        "names no key; every call is signed",
        "没有写密钥；每个调用都要签名",
    )
}

pub(super) fn any_plan_and_offers() -> Said {
    say(
        "offers_contradict",
        "any_plan and offers exclude one another",
        "any_plan 和 offer 只能写一种",
    )
}

pub(super) fn sells_nothing(listing: &str) -> Said {
    say(
        "offers_missing",
        format!(
            "sells nothing; add [[listing.{listing}.offer]], or any_plan for whatever is bought"
        ),
        format!(
            "什么都不卖；请加上 [[listing.{listing}.offer]]，或者写 any_plan（买什么都给这个套餐）"
        ),
    )
}

pub(super) fn product_code_elsewhere(dialect: &str, known: Option<&str>) -> Said {
    match known {
        Some(known) => say(
            "product_code_misnamed",
            format!("{dialect} calls it {known}"),
            format!("{dialect} 把它叫作 {known}"),
        ),
        None => say(
            "product_code_misnamed",
            format!("{dialect} has no code for products"),
            format!("{dialect} 的商品没有代码"),
        ),
    }
}

pub(super) fn replies_too_late(within: Duration, title: &str, limit: Duration) -> Said {
    say(
        "reply_within_too_long",
        format!("{within:?} is too long: {title} waits {limit:?}, and the network takes its part"),
        format!("{within:?} 太长：{title} 只等 {limit:?}，网络还要占去一部分"),
    )
}

pub(super) fn driver_outlasts(
    product: &str,
    limit: Duration,
    calls: u32,
    within: Duration,
) -> Said {
    say(
        "driver_slow",
        format!(
            "the driver of product {product:?} may take {limit:?}, but the marketplace gives up \
             after {calls} calls of {within:?}"
        ),
        format!(
            "产品 {product:?} 的驱动可能要 {limit:?}，而云市场调用 {calls} 次、每次等 {within:?} \
             之后就放弃"
        ),
    )
}

pub(super) fn path_without_slash() -> Said {
    say("path_malformed", "a path begins with /", "路径以 / 开头")
}

pub(super) fn path_reserved(first: &str) -> Said {
    say(
        "path_reserved",
        format!("paths under /{first} are Turnkey's own"),
        format!("/{first} 下面的路径归 Turnkey 自己用"),
    )
}

pub(super) fn path_not_plain() -> Said {
    say(
        "path_malformed",
        "a path has no query, and is written in plain ASCII",
        "路径不带查询串，只用普通 ASCII 字符",
    )
}

pub(super) fn path_taken(path: &str, other: &str) -> Said {
    say(
        "path_taken",
        format!("{path:?} is the path of listing {other:?} too"),
        format!("{path:?} 也是商品 {other:?} 的路径"),
    )
}

pub(super) fn path_fixed(dialect: &str, root: &str) -> Said {
    say(
        "path_fixed",
        format!("{dialect} is served at {root}, where its callers look for it; leave path out"),
        format!("{dialect} 固定在 {root}，调用方就在那里找它；请不要写 path"),
    )
}

pub(super) fn root_taken(root: &str, other: &str) -> Said {
    say(
        "root_taken",
        format!("listing {other:?} is served at {root} too, and nothing tells their calls apart"),
        format!("商品 {other:?} 也在 {root}，两边的调用无法区分"),
    )
}

pub(super) fn key_shared(twin: &str, key: &str) -> Said {
    say(
        "key_shared",
        format!(
            "shares a key with listing {twin:?}: set {key} on both, or a call to one can be \
             replayed at the other"
        ),
        format!(
            "和商品 {twin:?} 用同一个密钥：请给两边都写上 {key}，否则一边的调用可以拿到另一边重放"
        ),
    )
}

pub(super) fn secret_in_the_open() -> Said {
    say(
        "secret_in_the_open",
        "a secret does not stand in the file itself; write { env = \"NAME\" } or { file = \"path\" }",
        "密钥不能直接写在配置文件里；请写 { env = \"NAME\" } 或 { file = \"path\" }",
    )
}

pub(super) fn secret_malformed() -> Said {
    say(
        "secret_malformed",
        "write { env = \"NAME\" } or { file = \"path\" }",
        "请写 { env = \"NAME\" } 或 { file = \"path\" }",
    )
}

pub(super) fn secret_empty() -> Said {
    say("secret_empty", "the secret is empty", "密钥是空的")
}

pub(super) fn secret_unreadable(file: &Path, error: &std::io::Error) -> Said {
    let file = file.display();
    say(
        "secret_unreadable",
        format!("cannot read {file}: {error}"),
        format!("读不了 {file}：{error}"),
    )
}

pub(super) fn variable_missing(name: &str) -> Said {
    say(
        "variable_missing",
        format!("the environment variable {name} is not set"),
        format!("没有设置环境变量 {name}"),
    )
}

pub(super) fn variable_malformed(name: &str) -> Said {
    say(
        "variable_malformed",
        format!("the environment variable {name} is not UTF-8"),
        format!("环境变量 {name} 不是 UTF-8"),
    )
}
