//! The keys that were named, in the order in which they stand on the command line: the first is the
//! right one.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use secrecy::SecretString;

use crate::cli::Lang;
use crate::cli::signing::{DEMO_KEY, Source};

/// The three ways to say a key, each as often as needed.
#[derive(clap::Args)]
struct Given {
    /// The key; `-` reads it from stdin. Of several the first is the right one.
    #[arg(long, allow_hyphen_values = true)]
    key: Vec<String>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME")]
    key_env: Vec<String>,
    /// The file that holds the key.
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
}

/// One of them.
enum Named {
    Outright(String),
    Env(String),
    File(PathBuf),
}

/// All of them, in the order in which they were typed.
pub(super) struct Keys(Vec<Named>);

impl Keys {
    fn new(given: Given, matches: &ArgMatches) -> Self {
        let places = |id: &str| matches.indices_of(id).into_iter().flatten();
        let outright = given.key.into_iter().map(Named::Outright);
        let env = given.key_env.into_iter().map(Named::Env);
        let file = given.key_file.into_iter().map(Named::File);
        let mut placed: Vec<_> = places("key").zip(outright).collect();
        placed.extend(places("key_env").zip(env));
        placed.extend(places("key_file").zip(file));
        placed.sort_by_key(|(place, _)| *place);
        Self(placed.into_iter().map(|(_, named)| named).collect())
    }

    /// Whether none is named.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, with what they are called; the demonstration's where none is named.
    ///
    /// # Errors
    /// When one cannot be read from where it should be.
    pub(super) fn read(&self, lang: Lang) -> anyhow::Result<Vec<(String, SecretString)>> {
        let nothing = Source {
            flag: "--key",
            outright: None,
            env: None,
            file: None,
            demo: DEMO_KEY,
        };
        if self.0.is_empty() {
            return Ok(vec![(DEMO_KEY.to_owned(), nothing.read(lang)?)]);
        }
        let mut keys = Vec::new();
        let mut outright_count = 0;
        for named in &self.0 {
            let (label, source) = match named {
                Named::Outright(key) => {
                    outright_count += 1;
                    let outright = Some(key.as_str());
                    let label = format!("--key {outright_count}");
                    (
                        label,
                        Source {
                            outright,
                            ..nothing
                        },
                    )
                }
                Named::Env(name) => {
                    let env = Some(name.as_str());
                    (name.clone(), Source { env, ..nothing })
                }
                Named::File(file) => {
                    let label = file.display().to_string();
                    (
                        label,
                        Source {
                            file: Some(file),
                            ..nothing
                        },
                    )
                }
            };
            keys.push((label, source.read(lang)?));
        }
        Ok(keys)
    }
}

impl FromArgMatches for Keys {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self::new(Given::from_arg_matches(matches)?, matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Keys {
    fn augment_args(command: Command) -> Command {
        Given::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Given::augment_args_for_update(command)
    }
}
