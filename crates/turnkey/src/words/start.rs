//! What may keep a command from going on: the system, a file, the store.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;

use turnkey_store::OpenError;

use crate::words::{Said, say};

/// A file that cannot be read.
#[must_use]
pub fn cannot_read(path: &Path) -> Said {
    let path = path.display();
    say(
        "file_unreadable",
        format!("cannot read {path}"),
        format!("读不了 {path}"),
    )
}

/// A file with more than a key or a body has.
#[must_use]
pub fn file_too_long(path: &Path, bytes_max: u64) -> Said {
    let path = path.display();
    say(
        "file_too_long",
        format!("{path} has more than {bytes_max} bytes"),
        format!("{path} 超过 {bytes_max} 字节"),
    )
}

/// A key of which there is nothing; `name` says where it should be.
#[must_use]
pub fn key_empty(name: &str) -> Said {
    say(
        "secret_empty",
        format!("the key of {name} is empty"),
        format!("{name} 给出的密钥是空的"),
    )
}

/// A file or folder that cannot be written or made.
#[must_use]
pub fn cannot_write(path: &Path) -> Said {
    let path = path.display();
    say(
        "file_unwritable",
        format!("cannot write {path}"),
        format!("写不了 {path}"),
    )
}

/// A folder that others could have made, or can write into.
#[must_use]
pub fn folder_shared(folder: &Path) -> Said {
    let folder = folder.display();
    say(
        "folder_shared",
        format!("{folder} is not a folder of this user alone (mode 0700); remove it"),
        format!("{folder} 不是只归当前用户的目录（权限 0700）；请删除它"),
    )
}

/// An address at which nobody can listen.
#[must_use]
pub fn cannot_listen(address: impl Display) -> Said {
    say(
        "address_taken",
        format!("cannot listen at {address}"),
        format!("不能在 {address} 上监听"),
    )
}

/// Something that the operating system nearly never refuses.
#[must_use]
pub fn system_refused(en: &str, zh: &str) -> Said {
    say("system_refused", en, zh)
}

/// A master key file that is gone while the store is there.
#[must_use]
pub fn master_key_missing(file: &Path, store: &Path) -> Said {
    let (file, store) = (file.display(), store.display());
    say(
        "master_key_missing",
        format!(
            "the master key file {file} is missing, but the store {store} exists: bring the file \
             back, without it what buyers log in with cannot be read"
        ),
        format!(
            "主密钥文件 {file} 不见了，而存储 {store} 还在：请把文件放回来，没有它就读不出买家的登录信息"
        ),
    )
}

/// A master key that is none.
#[must_use]
pub fn master_key_malformed(why: impl Display) -> Said {
    say(
        "master_key_malformed",
        format!("{why}"),
        "主密钥必须是 32 个字节，写成 64 个十六进制数字或 Base64",
    )
}

/// A log level that is none.
#[must_use]
pub fn log_level_unknown(level: &str) -> Said {
    say(
        "log_level_unknown",
        format!("log.level {level:?} is not one of error, warn, info, debug, trace"),
        format!("log.level {level:?} 不是 error、warn、info、debug、trace 之一"),
    )
}

/// Why the store was not opened.
#[must_use]
pub fn store_closed(error: &OpenError) -> Said {
    let because = error.source().map(|source| format!(": {source}"));
    let because = because.unwrap_or_default();
    let said = |code, zh: String| say(code, format!("{error}{because}"), zh + &because);
    match error {
        OpenError::Locked { path } => said(
            "store_locked",
            format!(
                "存储 `{}` 正在使用：它只归一个进程；请先停掉另一个",
                path.display()
            ),
        ),
        OpenError::File { path, .. } => said(
            "store_unopened",
            format!("打不开存储 `{}`：它的目录必须存在而且可写", path.display()),
        ),
        OpenError::NotAStore { path } => said(
            "store_foreign",
            format!(
                "`{}` 不是 Turnkey 的存储；请在 [store] url 里写另一个文件",
                path.display()
            ),
        ),
        OpenError::NoWal { path } => said(
            "store_without_wal",
            format!(
                "存储 `{}` 不能用预写日志；请把它移到本地磁盘",
                path.display()
            ),
        ),
        OpenError::Newer { path, found, known } => said(
            "store_newer",
            format!(
                "存储 `{}` 的结构版本是 {found}，这个程序只认得 {known}；请用更新的程序，或者恢复升级前留下的副本",
                path.display()
            ),
        ),
        OpenError::Backup { copy, .. } => said(
            "store_uncopied",
            format!(
                "升级前没能把存储复制到 `{}`；磁盘还有空间吗",
                copy.display()
            ),
        ),
        OpenError::Migrate { to, .. } => {
            said("store_unmigrated", format!("没能把存储升级到结构版本 {to}"))
        }
        OpenError::WrongKey {
            path,
            wanted,
            given,
        } => said(
            "master_key_wrong",
            format!(
                "存储 `{}` 是用主密钥 {wanted} 封存的，给的是 {given}；请在 [secrets] master_key 里写对的那个",
                path.display()
            ),
        ),
        OpenError::Canary { .. } => said(
            "master_key_unchecked",
            "没能核对主密钥；如果文件坏了，请恢复备份".to_owned(),
        ),
        OpenError::ListingMissing { name } => said(
            "listing_missing",
            format!(
                "存储里有商品 `{name}` 的订单，而配置里没有它；如果改了名，请在新的那一段写上 formerly = [\"{name}\"]"
            ),
        ),
        OpenError::ListingTwice { old, new } => said(
            "listing_twice",
            format!(
                "商品 `{new}` 以前叫 `{old}`，但两个都有订单或自己的一段；请把 `{old}` 从 formerly 里去掉，两段都留下"
            ),
        ),
        OpenError::Thread { .. } => said("system_refused", "没能为存储开线程".to_owned()),
        OpenError::Database { doing, .. } => {
            said("store_refused", format!("数据库拒绝了（{doing}）"))
        }
    }
}
