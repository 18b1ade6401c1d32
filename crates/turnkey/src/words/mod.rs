//! What people are told, in English and in Chinese, under stable codes.
//!
//! It is *not* what goes over the wire: a marketplace is answered in its dialect's words.

pub mod catalogue;
pub mod start;
pub mod stock;

use std::fmt;

use crate::cli::Lang;

/// One thing that is said in both languages, under its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The stable code: a row of the catalogue, and a page in `docs/errors/`.
    pub code: &'static str,
    /// In English.
    pub en: String,
    /// 中文。
    pub zh: String,
}

/// Says something in both languages.
#[must_use]
pub fn say(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Said {
    Said {
        code,
        en: en.into(),
        zh: zh.into(),
    }
}

impl Said {
    /// The words in `lang`.
    #[must_use]
    pub fn words(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

/// What a fault says to a person at a terminal. Its message is English, as marketplaces get it; in
/// Chinese the title of its code goes before.
#[must_use]
pub fn told(code: &str, message: &str, lang: Lang) -> String {
    match (lang, catalogue::find(code)) {
        (Lang::Zh, Some(row)) => format!("{}：{message}", row.zh),
        (Lang::Zh, None) | (Lang::En, _) => message.to_owned(),
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for Said {}
