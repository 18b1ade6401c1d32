//! What may be wrong with a file that is handed to the shop: stock, or what one buyer gets.

use crate::words::{Said, say};

/// A file with more than is taken at once.
#[must_use]
pub fn too_long(bytes_max: u64) -> Said {
    say(
        "file_too_long",
        format!("the file has more than {bytes_max} bytes"),
        format!("文件超过 {bytes_max} 字节"),
    )
}

/// A file that is no access. Its content is secret, so only the place is told.
#[must_use]
pub fn access_malformed(error: &serde_json::Error) -> Said {
    let (line, column) = (error.line(), error.column());
    let form = r#"{"front_end":{"url","username","password"},"admin":{…},"auth_url","extra":{…}}"#;
    say(
        "access_malformed",
        format!("not an access at {line}:{column}; every field may be left out: {form}"),
        format!("第 {line} 行第 {column} 列不是登录信息；每一项都可以不写：{form}"),
    )
}

/// A file that is no list of instances. What buyers log in with is in it, so only the place is told.
#[must_use]
pub fn import_malformed(error: &serde_json::Error) -> Said {
    let (line, column) = (error.line(), error.column());
    let form = r#"[{"id","listing","plan","buyer","order_key","term":{"starts_at","ends_at"},"access":{…}}]"#;
    say(
        "import_malformed",
        format!("not a list of instances at {line}:{column}: {form}"),
        format!("第 {line} 行第 {column} 列不是实例列表：{form}"),
    )
}

/// A file that is no CSV. Its content is secret, so only the place is told.
#[must_use]
pub fn malformed(error: &csv::Error) -> Said {
    let line = error.position().map_or(0, csv::Position::line);
    say(
        "stock_file_malformed",
        format!("line {line} is not CSV with as many cells as there are columns"),
        format!("第 {line} 行不是列数正确的 CSV"),
    )
}

/// A column without a name of its own.
#[must_use]
pub fn column_unclear(name: &str) -> Said {
    say(
        "stock_column_unclear",
        format!("the first line names the columns; {name:?} is empty or there twice"),
        format!("第一行写列名；{name:?} 是空的或者出现了两次"),
    )
}

/// A file without items.
#[must_use]
pub fn no_line() -> Said {
    say(
        "stock_file_empty",
        "the file has no item behind its first line, which names the columns",
        "第一行（列名）之后没有任何条目",
    )
}
