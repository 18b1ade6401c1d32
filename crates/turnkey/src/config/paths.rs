//! The part of the check that is about paths: where each listing is served.

use std::collections::HashMap;

use turnkey_dialects::Dialect;

use crate::config::check::Check;
use crate::config::{ListingSettings, says};

/// Paths that are ours, or belong to a dialect with a root.
const RESERVED: [&str; 5] = ["i", "v1", "fake", "healthz", "readyz"];

impl Check<'_> {
    /// Where the listing `name` is served: at the root of its dialect, or where it says itself.
    pub(super) fn path(
        &mut self,
        name: &str,
        given: Option<&String>,
        dialect: &dyn Dialect,
    ) -> String {
        let card = dialect.card();
        let Some(root) = card.root else {
            return given.map_or_else(|| format!("/spi/{name}"), Clone::clone);
        };
        if given.is_some() {
            let at = format!("listing.{name}.path");
            self.error(at, says::path_fixed(card.name, root));
        }
        root.to_owned()
    }

    /// Whether the paths of all listings are paths, nobody else's and told apart.
    pub(super) fn paths(&mut self, listings: &[ListingSettings]) {
        let mut taken: HashMap<&str, &str> = HashMap::new();
        for listing in listings {
            let ListingSettings { name, path, .. } = listing;
            let other = taken.insert(path, name);
            if let Some(root) = listing.dialect.card().root {
                if let Some(other) = other {
                    let at = format!("listing.{name}.dialect");
                    self.error(at, says::root_taken(root, other));
                }
                continue;
            }
            let at = format!("listing.{name}.path");
            let first = path.strip_prefix('/');
            match first.and_then(|path| path.split('/').next()) {
                None => self.error(at.clone(), says::path_without_slash()),
                Some(first) if RESERVED.contains(&first) => {
                    self.error(at.clone(), says::path_reserved(first));
                }
                Some(_) => {}
            }
            if path.contains(['?', '#', '%']) || !path.is_ascii() {
                self.error(at.clone(), says::path_not_plain());
            }
            if let Some(other) = other {
                self.error(at, says::path_taken(path, other));
            }
        }
    }
}
