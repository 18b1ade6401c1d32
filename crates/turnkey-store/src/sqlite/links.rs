//! Rows of holding links. A link's token is sealed; what it is looked up by is the hash of it.

use rusqlite::{Row, params};
use turnkey_core::link::LINK_TOKEN_BYTES;
use turnkey_core::{
    Fault, InstanceId, Link, LinkHash, LinkPart, LinkToken, LinkTokens, NewLink, OperationKind,
    Step, UtcMillis,
};

use super::failure::Failure;
use super::rows::{Column, Rows, named};
use super::sql;

const TOKEN: Column = ("links", "token");

impl Rows {
    pub(super) fn link(&self, hash: LinkHash) -> Result<Option<Link>, Failure> {
        self.first(sql::LINK_BY_HASH, [hash.0], link_from)
    }

    pub(super) fn link_list(&self, instance: &InstanceId) -> Result<Vec<Link>, Failure> {
        self.all(sql::LINKS_OF_INSTANCE, [instance.as_str()], link_from)
    }

    /// Whether the instance was answered with links.
    pub(super) fn is_held(&self, instance: &InstanceId) -> Result<bool, Failure> {
        let any = self.first(sql::LINKS_OF_INSTANCE, [instance.as_str()], |_| Ok(()))?;
        Ok(any.is_some())
    }

    /// The tokens of the instance's links: all of them, or there are none.
    pub(super) fn link_tokens(&self, instance: &InstanceId) -> Result<Option<LinkTokens>, Failure> {
        let read = |row: &Row<'_>| {
            let part = part(row)?;
            let place = place(instance, part);
            let token = self.opened(TOKEN, &place, row.get(3)?)?.unwrap_or_default();
            let token: [u8; LINK_TOKEN_BYTES] = token
                .try_into()
                .map_err(|_| Fault::bug(format!("the link {place} has no token")))?;
            Ok((part, LinkToken::new(token)))
        };
        let (mut front_end, mut admin, mut sign_on) = (None, None, None);
        for (part, token) in self.all(sql::LINKS_OF_INSTANCE, [instance.as_str()], read)? {
            match part {
                LinkPart::FrontEnd => front_end = Some(token),
                LinkPart::Admin => admin = Some(token),
                LinkPart::SignOn => sign_on = Some(token),
            }
        }
        match (front_end, admin, sign_on) {
            (None, None, None) => Ok(None),
            (Some(front_end), Some(admin), Some(sign_on)) => Ok(Some(LinkTokens {
                front_end,
                admin,
                sign_on,
            })),
            (front_end, admin, sign_on) => {
                let there = [front_end.is_some(), admin.is_some(), sign_on.is_some()];
                Err(Fault::bug(format!("{instance} lacks some of its links: {there:?}")).into())
            }
        }
    }

    /// When the instance was delivered, by its history.
    pub(super) fn delivered_at(&self, instance: &InstanceId) -> Result<Option<UtcMillis>, Failure> {
        let bound = params![
            instance.as_str(),
            OperationKind::Provision.name(),
            Step::Done.name()
        ];
        self.first(sql::HISTORY_FIRST, bound, |row| Ok(UtcMillis(row.get(0)?)))
    }

    pub(super) fn link_insert(&self, link: &NewLink) -> Result<(), Failure> {
        let place = place(&link.instance, link.part);
        let bound = params![
            link.token.hash().0,
            link.instance.as_str(),
            link.part.name(),
            self.sealed(TOKEN, &place, Some(link.token.as_bytes()))?,
        ];
        self.one_row(sql::LINK_INSERT, bound, &place)
    }

    pub(super) fn link_count_reveal(&self, link: LinkHash) -> Result<(), Failure> {
        self.one_row(sql::LINK_COUNT_REVEAL, [link.0], "a link")
    }
}

/// What a sealed token belongs to. The hash would do as well, and tell less to a reader.
fn place(instance: &InstanceId, part: LinkPart) -> String {
    format!("{instance}/{}", part.name())
}

fn part(row: &Row<'_>) -> Result<LinkPart, Failure> {
    named(row, 2, "part of an access", &LinkPart::ALL, LinkPart::name)
}

fn link_from(row: &Row<'_>) -> Result<Link, Failure> {
    Ok(Link {
        hash: LinkHash(row.get(0)?),
        instance: InstanceId::new(row.get::<_, String>(1)?),
        part: part(row)?,
        reveals: row.get(4)?,
    })
}
