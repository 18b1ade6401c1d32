//! English or Chinese.

use clap::ValueEnum;

/// The language that a person is spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// 中文.
    Zh,
}

impl Lang {
    /// The language of the locale; English where there is none.
    #[must_use]
    pub fn of_locale() -> Self {
        match crate::config::locale() {
            Some(locale) if locale.starts_with("zh") => Self::Zh,
            Some(_) | None => Self::En,
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        match self {
            Self::En => english,
            Self::Zh => chinese,
        }
    }
}
