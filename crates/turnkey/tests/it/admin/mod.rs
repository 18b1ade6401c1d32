//! The admin API through its own door, and the commands that use it.

pub(crate) mod cli;
mod roles;
mod shop;

use std::net::SocketAddr;

use serde_json::Value;

use crate::app::App;
use crate::wire::{Answer, exchange};

/// One request at the admin API that listens at `to`, with `token` where there is one.
pub(crate) async fn asked(
    to: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> Answer {
    let bearer = token.map_or_else(String::new, |t| format!("authorization: Bearer {t}\r\n"));
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: turnkey\r\nconnection: close\r\n{bearer}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    exchange(to, request.as_bytes()).await
}

impl App {
    /// One request at the admin API, with `token` where there is one.
    pub(crate) async fn admin(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Answer {
        asked(self.admin, method, path, token, body).await
    }

    /// What `GET path` answers an operator, who may see it.
    pub(crate) async fn seen(&self, path: &str) -> Value {
        let answer = self
            .admin("GET", path, Some(crate::app::OPERATOR), "")
            .await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }
}
