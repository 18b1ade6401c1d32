//! Holding links: what a create is answered with while its driver is still at work (promise 7).
//!
//! Each URL of an access has a link of its own, `/i/<token>`. It shows only its own part: progress
//! at first, then it forwards. What it shows at any moment is decided in [`crate::decide::shows`].

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::access::{Access, Login};
use crate::id::InstanceId;
use crate::instance::Instance;
use crate::time::UtcMillis;

/// 128 bits: nobody finds one by trying.
pub const LINK_TOKEN_BYTES: usize = 16;

/// Where links live under a server's public URL.
const PATH: &str = "/i/";

/// What whoever opens a link must know, and all that must be known: as secret as a password.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken([u8; LINK_TOKEN_BYTES]);

/// What a token is looked up by: its SHA-256. Comparing hashes tells nothing about tokens, however
/// long it takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkHash(pub [u8; 32]);

/// Which URL of an access a link stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkPart {
    /// Where the buyer's people work.
    FrontEnd,
    /// Where the buyer administers.
    Admin,
    /// Where a signed-on buyer is sent without a password.
    SignOn,
}

/// A link, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is looked up by.
    pub hash: LinkHash,
    /// The instance that it leads to.
    pub instance: InstanceId,
    /// The part of its access.
    pub part: LinkPart,
    /// How often its account was shown.
    pub reveals: u32,
}

/// A link to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// Its token.
    pub token: LinkToken,
    /// The instance that it leads to.
    pub instance: InstanceId,
    /// The part of its access.
    pub part: LinkPart,
}

/// The tokens of one instance's links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTokens {
    /// For where the buyer's people work.
    pub front_end: LinkToken,
    /// For where the buyer administers.
    pub admin: LinkToken,
    /// For where a signed-on buyer is sent.
    pub sign_on: LinkToken,
}

/// A link with everything that decides what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The link.
    pub link: Link,
    /// The instance that it leads to.
    pub instance: Instance,
    /// When the instance was ordered, on the wall clock.
    pub ordered_at: UtcMillis,
    /// When it was delivered, on the wall clock.
    pub ready_at: Option<UtcMillis>,
    /// Whether its delivery was given up and waits for a person.
    pub is_given_up: bool,
}

impl LinkToken {
    /// The token with these bytes, which must be random.
    #[must_use]
    pub fn new(bytes: [u8; LINK_TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads what [`LinkToken::to_text`] spelled; every token has one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut token = [0; LINK_TOKEN_BYTES];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != token.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in token.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(token))
    }

    /// The token as it stands in a URL: lower-case hexadecimal.
    #[must_use]
    pub fn to_text(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The token's bytes, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LINK_TOKEN_BYTES] {
        &self.0
    }

    /// What the token is looked up by.
    #[must_use]
    pub fn hash(&self) -> LinkHash {
        LinkHash(Sha256::digest(self.0).into())
    }

    /// The link as a buyer gets it, under the server's `public_url`.
    #[must_use]
    pub fn url(&self, public_url: &str) -> String {
        format!("{public_url}{PATH}{}", self.to_text())
    }

    /// The token of the holding link `url`; `None` when it has not the form of one.
    #[must_use]
    pub fn in_url(url: &str) -> Option<Self> {
        let (before, token) = url.rsplit_once('/')?;
        format!("{before}/").ends_with(PATH).then_some(())?;
        Self::parse(token)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(redacted)")
    }
}

impl fmt::Debug for LinkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "LinkHash({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

impl LinkPart {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::FrontEnd, Self::Admin, Self::SignOn];

    /// The part's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FrontEnd => "front_end",
            Self::Admin => "admin",
            Self::SignOn => "sign_on",
        }
    }

    /// Where this part of `access` is.
    #[must_use]
    pub fn url(self, access: &Access) -> Option<&str> {
        match self {
            Self::FrontEnd => access.front_end.url.as_deref(),
            Self::Admin => access.admin.url.as_deref(),
            Self::SignOn => access.auth_url.as_deref(),
        }
    }

    /// The account of this part of `access`, where it has one.
    #[must_use]
    pub fn account(self, access: &Access) -> Option<&Login> {
        let login = match self {
            Self::FrontEnd => &access.front_end,
            Self::Admin => &access.admin,
            Self::SignOn => return None,
        };
        (login.username.is_some() || login.password.is_some()).then_some(login)
    }
}

impl LinkTokens {
    /// Each part with its token.
    #[must_use]
    pub fn each(&self) -> [(LinkPart, &LinkToken); 3] {
        [
            (LinkPart::FrontEnd, &self.front_end),
            (LinkPart::Admin, &self.admin),
            (LinkPart::SignOn, &self.sign_on),
        ]
    }

    /// The links where an access has its URLs; accounts empty.
    #[must_use]
    pub fn access(&self, public_url: &str) -> Access {
        let login = |token: &LinkToken| Login {
            url: Some(token.url(public_url)),
            ..Login::default()
        };
        Access {
            front_end: login(&self.front_end),
            admin: login(&self.admin),
            auth_url: Some(self.sign_on.url(public_url)),
            ..Access::default()
        }
    }
}
