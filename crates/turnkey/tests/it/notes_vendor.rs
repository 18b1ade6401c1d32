//! The example vendor in `examples/notes-vendor`, sold for real: a signed order of the market makes
//! a workspace in another process, and a person logs in to it.

use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use turnkey_engine::SystemClock;

use crate::binary::{PROGRAM, Served};
use crate::wire::{Answer, Parameters, exchange, get, signed};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/notes-vendor");

/// The vendor's application and a Turnkey that sells it.
struct Sold {
    folder: TempDir,
    vendor: Child,
    vendor_url: String,
    served: Served,
    key: String,
}

impl Sold {
    /// The example as it stands in the repository, but for the ports; a new workspace takes
    /// `slow_s` seconds.
    async fn start(slow_s: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::copy(format!("{EXAMPLE}/turnkey.toml"), at("turnkey.toml")).expect("a copy");
        let (vendor, vendor_url) = app(folder.path(), slow_s).await;
        let mut command = Command::new(PROGRAM);
        command
            .arg("serve")
            .current_dir(folder.path())
            .env("TURNKEY__SERVER__LISTEN", "127.0.0.1:0")
            .env("TURNKEY__SERVER__ADMIN_LISTEN", "127.0.0.1:0")
            .env(
                "TURNKEY__PRODUCT__NOTES__WEBHOOK__URL",
                format!("{vendor_url}/turnkey"),
            );
        let served = Served::start(command, &at("serve.log")).await;
        let key = std::fs::read_to_string(at("market.key")).expect("the market's key");
        Self {
            key: key.trim().to_owned(),
            vendor,
            vendor_url,
            served,
            folder,
        }
    }

    /// A signed call of the market.
    async fn call(&self, parameters: Parameters<'_>) -> Answer {
        let query = signed(parameters, &self.key, SystemClock::wall());
        get(self.served.address, &format!("/spi/notes-market?{query}")).await
    }

    async fn order(&self, order: &str, spec: &str) -> Workspace {
        let answer = self
            .call(&[
                ("action", "CreateInstance"),
                ("order_id", order),
                ("qingcloud_uid", "usr-u5JDC3MS"),
                ("product_code", "prod-notes"),
                ("spec", spec),
                ("package", "monthly"),
                ("duration", "1_month"),
                ("debug", "0"),
            ])
            .await;
        let id = answer.instance();
        let info = answer.json()["instanceInfo"].clone();
        let part = |name: &str| info[name].as_str().expect("text").to_owned();
        let path = format!("/t/{id}/");
        assert_eq!(part("frontEndUrl"), format!("{}{path}", self.vendor_url));
        Workspace {
            id,
            path,
            username: part("username"),
            password: part("password"),
        }
    }

    async fn renew(&self, order: &str, id: &str, spec: &str) -> Answer {
        self.call(&[
            ("action", "RenewInstance"),
            ("order_id", order),
            ("instance_id", id),
            ("spec", spec),
            ("package", "monthly"),
            ("duration", "1_month"),
        ])
        .await
    }

    async fn upgrade(&self, order: &str, id: &str, spec: &str) -> Answer {
        self.call(&[
            ("action", "UpgradeInstance"),
            ("order_id", order),
            ("instance_id", id),
            ("spec", spec),
            ("package", "monthly"),
            ("duration", "1_month"),
        ])
        .await
    }

    async fn act(&self, action: &str, id: &str) -> Answer {
        self.call(&[("action", action), ("instance_id", id)]).await
    }

    /// A request at the vendor's application, as a browser makes it.
    async fn browse(&self, method: &str, path: &str, cookie: &str, form: &str) -> Answer {
        let host = self.vendor_url.strip_prefix("http://").expect("a URL");
        let length = form.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncookie: {cookie}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n\
             {form}"
        );
        exchange(host.parse().expect("an address"), request.as_bytes()).await
    }

    async fn log_in(&self, workspace: &Workspace) -> Answer {
        let form = format!(
            "username={}&password={}",
            workspace.username, workspace.password
        );
        let path = format!("{}login", workspace.path);
        self.browse("POST", &path, "", &form).await
    }

    async fn stop(mut self) {
        self.served.signal(Signal::TERM);
        assert!(self.served.ended().await.success());
        self.vendor.kill().await.expect("it can be killed");
        drop(self.folder);
    }
}

/// What a buyer got.
struct Workspace {
    id: String,
    path: String,
    username: String,
    password: String,
}

/// The cookie that a login was answered with.
fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    let (_, cookie) = answer.head.split_once("set-cookie: ").expect("a cookie");
    let (cookie, rest) = cookie.split_once(';').expect("its bounds");
    assert!(rest.contains("httponly"), "{answer:?}");
    cookie.to_owned()
}

/// The vendor's application, ready.
async fn app(data: &Path, slow_s: &str) -> (Child, String) {
    let mut child = Command::new("python3")
        .arg(format!("{EXAMPLE}/app.py"))
        .args(["--port", "0", "--slow", slow_s, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is missing; `cargo xtask test` installs it");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let line = lines.next_line().await.expect("it says something");
    let url = line
        .as_deref()
        .and_then(|line| line.strip_prefix("ready at "));
    (child, url.expect("it is ready").to_owned())
}

#[tokio::test]
async fn a_buyer_logs_in_is_suspended_renews_and_goes() {
    let sold = Sold::start("0").await;
    let own = sold.order("mord-1", "team").await;
    let session = cookie(&sold.log_in(&own).await);
    let note = sold
        .browse(
            "POST",
            &format!("{}notes", own.path),
            &session,
            "text=buy+milk+%3Cb%3E",
        )
        .await;
    assert_eq!(note.status, 303, "{note:?}");
    let page = sold.browse("GET", &own.path, &session, "").await;
    assert!(page.body.contains("plan team, 1 of 10 seats"), "{page:?}");
    assert!(page.body.contains("buy milk &lt;b&gt;"), "{page:?}");

    let wrong = Workspace {
        password: "hunter22".to_owned(),
        ..sold.order("mord-1", "team").await
    };
    assert_eq!(wrong.id, own.id, "a repeat names the same workspace");
    assert_eq!(sold.log_in(&wrong).await.status, 403);

    assert_eq!(sold.act("ExpireInstance", &own.id).await.status, 200);
    let refused = sold.log_in(&own).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("suspended"), "{refused:?}");
    let page = sold.browse("GET", &own.path, &session, "").await;
    assert!(
        page.status == 403 && !page.body.contains("milk"),
        "{page:?}"
    );

    assert_eq!(sold.renew("mord-2", &own.id, "team").await.status, 200);
    // The market is answered before the resume that the renewal brings along is done.
    let session = loop {
        let answer = sold.log_in(&own).await;
        if answer.status != 403 {
            break cookie(&answer);
        }
    };
    let page = sold.browse("GET", &own.path, &session, "").await;
    assert!(page.body.contains("buy milk"), "nothing was lost: {page:?}");

    assert_eq!(sold.act("DeleteInstance", &own.id).await.status, 200);
    assert_eq!(sold.log_in(&own).await.status, 404);
    sold.stop().await;
}

#[tokio::test]
async fn workspaces_do_not_see_one_another_and_have_as_many_seats_as_were_bought() {
    let sold = Sold::start("0").await;
    let (solo, team) = (
        sold.order("mord-1", "solo").await,
        sold.order("mord-2", "team").await,
    );
    assert_ne!((&solo.id, &solo.password), (&team.id, &team.password));
    let session = cookie(&sold.log_in(&solo).await);
    let elsewhere = sold.browse("GET", &team.path, &session, "").await;
    assert!(elsewhere.body.contains("Log in"), "{elsewhere:?}");
    let mixed = Workspace {
        password: solo.password.clone(),
        id: team.id.clone(),
        path: team.path.clone(),
        username: "owner".to_owned(),
    };
    assert_eq!(sold.log_in(&mixed).await.status, 403);

    let members = format!("{}members", solo.path);
    let friend = "username=friend&password=hunter22";
    let full = sold.browse("POST", &members, &session, friend).await;
    assert!(
        full.status == 403 && full.body.contains("seats"),
        "{full:?}"
    );
    assert_eq!(sold.upgrade("mord-3", &solo.id, "team").await.status, 200);
    let let_in = sold.browse("POST", &members, &session, friend).await;
    assert_eq!(let_in.status, 303, "{let_in:?}");
    let friend = Workspace {
        username: "friend".to_owned(),
        password: "hunter22".to_owned(),
        ..solo
    };
    cookie(&sold.log_in(&friend).await);
    sold.stop().await;
}

#[tokio::test]
async fn a_vendor_that_needs_a_moment_says_202_and_delivers_once() {
    let sold = Sold::start("0.2").await;
    let parallel = futures_util::future::join_all((0..8).map(|_| sold.order("mord-1", "team")));
    let all = parallel.await;
    let ids: std::collections::BTreeSet<_> = all.iter().map(|w| (&w.id, &w.password)).collect();
    assert_eq!(ids.len(), 1);
    cookie(&sold.log_in(&all[0]).await);
    sold.stop().await;
}

#[tokio::test]
async fn nobody_but_turnkey_makes_a_workspace() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut vendor, url) = app(folder.path(), "0").await;
    let host = url.strip_prefix("http://").expect("a URL");
    let body = r#"{"operation":"op-1","kind":"provision"}"#;
    for headers in [
        "",
        "webhook-id: op-1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,AAAA\r\n",
    ] {
        let length = body.len();
        let request = format!(
            "POST /turnkey HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n{body}"
        );
        let answer = exchange(host.parse().expect("an address"), request.as_bytes()).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let mode = |name: &str| {
        let file = std::fs::metadata(folder.path().join(name)).expect("a file");
        std::os::unix::fs::MetadataExt::mode(&file) & 0o777
    };
    assert_eq!((mode("hook.secret"), mode("market.key")), (0o600, 0o600));
    vendor.kill().await.expect("it can be killed");
}
