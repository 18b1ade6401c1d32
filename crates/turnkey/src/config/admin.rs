//! Who may run the shop: where the admin API listens, and its tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::config::check::Check;
use crate::config::file::{AdminToken, Server};
use crate::config::says;
use crate::words::{Said, say};

/// The least entropy of a token: nobody guesses so much, however fast the door is.
const TOKEN_BITS_MIN: u32 = 128;

/// The admin API, checked.
#[derive(Debug)]
pub struct AdminSettings {
    /// Where it listens.
    pub listen: String,
    /// Who may come in. Nobody, where there is none.
    pub tokens: Vec<TokenSettings>,
}

/// A token that was checked. The token itself is not kept.
#[derive(Clone)]
pub struct TokenSettings {
    /// Its name: what the audit says of whoever used it.
    pub name: String,
    /// What it opens.
    pub role: Role,
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
}

impl fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSettings")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What a token opens; each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Runs the shop, and sees what buyers log in with.
    Operator,
    /// Changes who may do what.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The role's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The SHA-256 that a token is kept and compared as.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Check<'_> {
    pub(super) fn admin(
        &mut self,
        server: &Server,
        tokens: &BTreeMap<String, AdminToken>,
    ) -> AdminSettings {
        self.admin_listen(server);
        let mut checked: Vec<TokenSettings> = Vec::with_capacity(tokens.len());
        for (name, token) in tokens {
            self.name(&format!("admin.token.{name}"), name);
            let path = format!("admin.token.{name}.token");
            let secret = token.token.resolve(self.mode, self.folder);
            let Some(secret) = self.ok(&path, secret) else {
                continue;
            };
            if bits(&secret) < TOKEN_BITS_MIN {
                self.error(&path, token_short());
            }
            let hash = token_hash(secret.expose_secret());
            if let Some(twin) = checked.iter().find(|twin| twin.hash == hash) {
                self.error(&path, token_twice(&twin.name));
            }
            checked.push(TokenSettings {
                name: name.clone(),
                role: token.role,
                hash,
            });
        }
        AdminSettings {
            listen: server.admin_listen.clone(),
            tokens: checked,
        }
    }

    fn admin_listen(&mut self, server: &Server) {
        let address = &server.admin_listen;
        let path = "server.admin_listen";
        let Ok(parsed) = address.parse::<SocketAddr>() else {
            return self.error(path, says::not_an_address(address));
        };
        if !parsed.ip().is_loopback() && !server.admin_public {
            self.error(path, admin_public(address));
        }
        if parsed.port() != 0 && *address == server.listen {
            self.error(path, admin_at_the_market());
        }
    }
}

fn token_short() -> Said {
    say(
        "admin_token_short",
        format!(
            "the token has fewer than {TOKEN_BITS_MIN} bits; make one with: openssl rand -hex 32"
        ),
        format!("令牌不足 {TOKEN_BITS_MIN} 位；请这样生成：openssl rand -hex 32"),
    )
}

fn token_twice(twin: &str) -> Said {
    say(
        "admin_token_twice",
        format!("is the token {twin:?} too; give each its own, so that the audit can name it"),
        format!("与令牌 {twin:?} 相同；请各用各的，审计才能说出是谁"),
    )
}

fn admin_public(address: &str) -> Said {
    say(
        "admin_public",
        format!(
            "{address} can be reached from outside, where tokens would travel in the clear; put a \
             proxy with TLS before it and say so: admin_public = true"
        ),
        format!(
            "{address} 可以从外部访问，令牌会明文传输；请在前面放一个带 TLS 的代理，并写明：\
             admin_public = true"
        ),
    )
}

fn admin_at_the_market() -> Said {
    say(
        "admin_listen_taken",
        "is where marketplaces call; take another port",
        "是云市场调用的地址；请换一个端口",
    )
}

/// How many bits a random text of this length and alphabet has.
fn bits(token: &SecretString) -> u32 {
    let token = token.expose_secret();
    let bits_each = match token {
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => 3,
        hex if hex.bytes().all(|b| b.is_ascii_hexdigit()) => 4,
        // Base64 and its like; more symbols than that are a matter of luck.
        _ => 6,
    };
    u32::try_from(token.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(bits_each)
}
