//! Everything that the doctor may say, in both languages.

use std::fmt::Display;
use std::path::Path;

use turnkey_core::UtcMillis;

use crate::cli::Lang;
use crate::cli::list::moment;
use crate::words::{Said, say};

/// What is said of something that is well: it needs no code.
pub(super) struct Told {
    en: String,
    zh: String,
}

impl Told {
    pub(super) fn words(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

fn told(en: impl Into<String>, zh: impl Into<String>) -> Told {
    Told {
        en: en.into(),
        zh: zh.into(),
    }
}

pub(super) fn exposed(file: &Path, mode: u32) -> Said {
    let file = file.display();
    say(
        "file_exposed",
        format!("{file} is open to others on this machine (mode {mode:04o}): chmod 600 {file}"),
        format!("本机其他用户能访问 {file}（权限 {mode:04o}）：请执行 chmod 600 {file}"),
    )
}

pub(super) fn own_file(file: &Path) -> Told {
    let file = file.display();
    told(
        format!("only its owner can read {file}"),
        format!("只有所有者能读 {file}"),
    )
}

pub(super) fn no_store_yet(database: &Path) -> Told {
    let database = database.display();
    told(
        format!("there is no {database} yet; the first `turnkey serve` makes it"),
        format!("还没有 {database}；第一次运行 `turnkey serve` 时会建立"),
    )
}

pub(super) fn store_well(database: &Path, is_in_use: bool) -> Told {
    let database = database.display();
    match is_in_use {
        true => told(
            format!("{database} is there, and a process works with it"),
            format!("{database} 存在，有进程正在使用"),
        ),
        false => told(
            format!("{database} is there, and nobody has it open"),
            format!("{database} 存在，没有进程在使用"),
        ),
    }
}

pub(super) fn store_ahead(at: UtcMillis, ahead_ms: u64) -> Said {
    let at = jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| at.0.to_string(), |at| at.to_string());
    let (at, ahead) = (moment(&at), seconds(ahead_ms));
    say(
        "store_ahead",
        format!(
            "the newest time in the store, {at}, is {ahead} ahead of this machine's clock: set \
             the clock right; until it is past that time, terms begin at it"
        ),
        format!(
            "存储里最新的时间 {at} 比本机时钟晚 {ahead}：请校准时钟；在此之前，期限都从那个时间算起"
        ),
    )
}

pub(super) fn runs(listen: &str) -> Told {
    told(
        format!("Turnkey answers at {listen}"),
        format!("Turnkey 在 {listen} 应答"),
    )
}

pub(super) fn free(listen: &str) -> Told {
    told(format!("{listen} is free"), format!("{listen} 可以监听"))
}

pub(super) fn not_running(listen: &str) -> Told {
    told(
        format!("nobody listens at {listen}: it is free for `turnkey serve`"),
        format!("没有进程在 {listen} 监听：`turnkey serve` 可以使用"),
    )
}

pub(super) fn taken(listen: &str, error: &std::io::Error) -> Said {
    say(
        "address_taken",
        format!(
            "cannot listen at {listen}: {error}, and whoever answers there is not Turnkey; stop \
             it, or choose another address"
        ),
        format!(
            "不能在 {listen} 上监听：{error}，那里应答的不是 Turnkey；请停掉它，或者换一个地址"
        ),
    )
}

pub(super) fn another_turnkey(listen: &str) -> Said {
    say(
        "address_taken",
        format!(
            "the Turnkey that answers at {listen} works with another store: a demo, perhaps; stop \
             it, or choose another address"
        ),
        format!("在 {listen} 应答的 Turnkey 用的是别的存储：可能是演示；请停掉它，或者换一个地址"),
    )
}

pub(super) fn moved(listen: &str) -> Said {
    say(
        "listing_unserved",
        format!(
            "Turnkey runs, but not with this configuration: nobody listens at {listen}; restart it"
        ),
        format!("Turnkey 在运行，但用的不是这份配置：{listen} 没有监听；请重启"),
    )
}

pub(super) fn not_https(url: &str, listing: &str, title: &str) -> Said {
    say(
        "public_url_plain",
        format!(
            "{url} is not https, and {title}, where listing {listing:?} is sold, calls nothing \
             else; put a proxy with TLS before Turnkey (docs/behind-a-proxy.md)"
        ),
        format!(
            "{url} 不是 https，而商品 {listing:?} 所在的 {title} 只调用 https；请在 Turnkey 前面放一个带 TLS 的代理（docs/behind-a-proxy.md）"
        ),
    )
}

pub(super) fn unanswered(url: &str, why: &str) -> Said {
    say(
        "public_url_unanswered",
        format!(
            "nobody answers at {url} as seen from this machine: {why}; start the proxy, or, where \
             a network does not lead back to itself, ask from outside"
        ),
        format!(
            "从本机访问 {url} 没有应答：{why}；请启动代理；如果网络不允许从内部访问自己的公网地址，请在外部检查"
        ),
    )
}

pub(super) fn unanswered_yet(url: &str, why: &str) -> Told {
    told(
        format!("nobody answers at {url} yet: {why}"),
        format!("{url} 还没有应答：{why}"),
    )
}

pub(super) fn untried() -> Told {
    told(
        "no test call was sent: Turnkey does not run here; start it, then ask again",
        "没有发送测试调用：Turnkey 没有在这里运行；请启动后再检查",
    )
}

pub(super) fn not_called(listing: &str, root: &str) -> Told {
    told(
        format!(
            "no test call was sent to listing {listing:?}: buyers call it, at {root}, and its \
             protocol has none"
        ),
        format!("没有向商品 {listing:?} 发送测试调用：它由买家在 {root} 调用，协议里没有测试调用"),
    )
}

pub(super) fn clock_off(url: &str, ms: u64, is_ahead: bool) -> Said {
    let (apart, side, zh_side) = match is_ahead {
        true => (seconds(ms), "ahead of", "快"),
        false => (seconds(ms), "behind", "慢"),
    };
    say(
        "clock_off",
        format!(
            "this machine's clock is {apart} {side} the `Date` that {url} answers, which is the \
             clock of whatever machine answers there; set both by NTP: signed times are refused \
             when they are minutes off"
        ),
        format!(
            "本机时钟比 {url} 应答里的 `Date` {zh_side} {apart}，那是在那里应答的机器的时钟；请用 NTP 校准两边：签名时间差几分钟就会被拒绝"
        ),
    )
}

pub(super) fn clock_well(url: &str) -> Told {
    told(
        format!(
            "agrees with the `Date` that {url} answers; where that is this machine, it says nothing"
        ),
        format!("和 {url} 应答里的 `Date` 一致；如果应答的就是本机，这说明不了什么"),
    )
}

pub(super) fn no_date(url: &str) -> Told {
    told(
        format!("was not compared: {url} answers without a `Date`"),
        format!("没有比较：{url} 的应答没有 `Date`"),
    )
}

pub(super) fn unserved(listing: &str, why: &str) -> Said {
    say(
        "listing_unserved",
        format!(
            "the Turnkey that runs refuses a test call to {listing:?} ({why}): it has other keys \
             or another path than this configuration; restart it"
        ),
        format!(
            "正在运行的 Turnkey 拒绝了商品 {listing:?} 的测试调用（{why}）：它的密钥或路径和这份配置不同；请重启"
        ),
    )
}

pub(super) fn kept(url: &str, path: &str) -> Told {
    told(
        format!("a test call with awkward spellings came through {url}{path} as it was sent"),
        format!("带各种怪异编码的测试调用经过 {url}{path} 原样到达"),
    )
}

pub(super) fn changed(url: &str, why: &str) -> Said {
    say(
        "passage_changed",
        format!(
            "a test call that Turnkey accepts is answered otherwise through {url}: {why}; look at \
             what stands between: it changes the path or the answer, or leads somewhere else"
        ),
        format!(
            "Turnkey 接受的测试调用，经过 {url} 得到的应答不同：{why}；请检查中间的代理：它改了路径或应答，或者转发到了别处"
        ),
    )
}

pub(super) fn rewritten(url: &str, respelt: &[&str]) -> Said {
    let spelt = |empty: &str| {
        let spelt = respelt.iter().map(|spelling| match *spelling {
            "" => empty.to_owned(),
            spelling => format!("`{spelling}`"),
        });
        spelt.collect::<Vec<_>>().join(", ")
    };
    let (en, zh) = match respelt {
        [] => (
            "not even a plain one comes through as it was sent".to_owned(),
            "连最普通的查询串也没有原样到达".to_owned(),
        ),
        [..] => (
            format!("it does not keep {}", spelt("an empty value")),
            format!("它改写了 {}", spelt("空值")),
        ),
    };
    say(
        "query_rewritten",
        format!(
            "what stands between {url} and Turnkey rewrites queries, and signatures are made of \
             them: {en}; have it pass the query on byte by byte (docs/behind-a-proxy.md)"
        ),
        format!(
            "{url} 和 Turnkey 之间有东西改写查询串，而签名就是对它算的：{zh}；请让它逐字节原样转发（docs/behind-a-proxy.md）"
        ),
    )
}

fn seconds(ms: u64) -> impl Display {
    humantime::format_duration(std::time::Duration::from_secs(ms / 1000))
}
