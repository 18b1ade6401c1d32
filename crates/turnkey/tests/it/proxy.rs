//! Behind a real nginx and a real Caddy, configured as `docs/behind-a-proxy.md` says.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use turnkey_dialects::jdcloud::Version;

use crate::app::{App, KEY};
use crate::openapi::Account;
use crate::pages::{block, page};
use crate::wire::{signature_as_sent, signed_as_sent};
use turnkey::http::server::DoorLimits;

/// The name in the page's configurations.
const NAME: &str = "deliver.example.com";

/// The page's address of Turnkey.
const UPSTREAM: &str = "127.0.0.1:8686";

/// A shop with a listing for each dialect.
const SHOP: &str = r#"
    [server]
    public_url = "https://deliver.example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.notes]
    driver = "demo"
    [product.notes.plan.team]
    [listing.market]
    dialect = "qingcloud-market"
    product = "notes"
    any_plan = "team"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
    [listing.app]
    dialect = "qingcloud-appcenter"
    product = "notes"
    any_plan = "team"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "notes"
    regions = { cn-north-1 = ["cn-north-1a"] }
    payment = "trusted"
    offer = [{ spec = "basic", plan = "team" }]
    [account.acme]
    access_key = "acme-ak"
    secret_key = { value = "acme-sk" }
"#;

const ACME: Account<'_> = Account {
    version: Version::V2,
    access_key: "acme-ak",
    secret: "acme-sk",
};

/// A proxy before a shop.
struct Proxied {
    app: App,
    folder: TempDir,
    port: u16,
    _proxy: Child,
}

/// A port that nobody has at this moment: neither program tells which one it got.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", &format!("/CN={NAME}")])
        .args(["-addext", &format!("subjectAltName=DNS:{NAME}")])
        .args(["-keyout", "tls.key", "-out", "tls.pem"])
        .current_dir(folder)
        .output()
        .await
        .expect("openssl is missing; `cargo xtask test` installs it");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
}

/// Replaces what must be there to be replaced.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in:\n{text}");
    text.replace(from, to)
}

impl Proxied {
    /// nginx as the page has it, but for what `change` changes.
    async fn by_nginx(change: impl Fn(String) -> String) -> Self {
        let written = |folder: &Path, port: u16, upstream: SocketAddr| {
            let at = |file: &str| folder.join(file).display().to_string();
            let server = block(&page("docs/behind-a-proxy.md"), "nginx");
            let server = replaced(&server, "443 ssl", &format!("127.0.0.1:{port} ssl"));
            let server = replaced(&server, &format!("/etc/ssl/{NAME}.pem"), &at("tls.pem"));
            let server = replaced(&server, &format!("/etc/ssl/{NAME}.key"), &at("tls.key"));
            let server = replaced(&server, UPSTREAM, &upstream.to_string());
            let server = change(server);
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {};\n", at(name)))
                .concat();
            let config = format!(
                "daemon off;\npid {};\nerror_log stderr;\nevents {{}}\n\
                 http {{\naccess_log off;\n{temporary}{server}\n}}\n",
                at("nginx.pid")
            );
            std::fs::write(folder.join("nginx.conf"), config).expect("a configuration");
            // Where Debian has it, not everybody looks.
            let mut nginx = Command::new("sh");
            nginx.args(["-c", "PATH=$PATH:/usr/sbin exec nginx \"$@\"", "nginx"]);
            nginx.arg("-p").arg(folder).args(["-e", "stderr", "-c"]);
            nginx.arg(folder.join("nginx.conf"));
            nginx
        };
        Self::start(written, "nginx").await
    }

    /// Caddy as the page has it.
    async fn by_caddy() -> Self {
        let written = |folder: &Path, port: u16, upstream: SocketAddr| {
            let site = block(&page("docs/behind-a-proxy.md"), "caddyfile");
            let here =
                format!("https://{NAME}:{port} {{\n    bind 127.0.0.1\n    tls tls.pem tls.key");
            let site = replaced(&site, &format!("{NAME} {{"), &here);
            let site = replaced(&site, UPSTREAM, &upstream.to_string());
            let global = "{\n    admin off\n    auto_https disable_redirects\n}\n";
            std::fs::write(folder.join("Caddyfile"), global.to_owned() + &site)
                .expect("a configuration");
            let mut caddy = Command::new("caddy");
            caddy
                .args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"])
                .env("HOME", folder)
                .env("XDG_DATA_HOME", folder)
                .env("XDG_CONFIG_HOME", folder);
            caddy
        };
        Self::start(written, "caddy").await
    }

    async fn start(command: impl Fn(&Path, u16, SocketAddr) -> Command, package: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let app = App::start_in(data, SHOP, DoorLimits::default()).await;
        let folder = tempfile::tempdir().expect("a folder");
        certificate(folder.path()).await;
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("proxy.log")).expect("a log");
        let proxy = command(folder.path(), port, app.address)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|_| panic!("{package} is missing; `cargo xtask test` installs it"));
        let proxied = Self {
            app,
            folder,
            port,
            _proxy: proxy,
        };
        proxied.listens().await;
        proxied
    }

    /// Waits until the proxy listens, or says why it does not.
    async fn listens(&self) {
        for _ in 0..1_000 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let log = std::fs::read_to_string(self.folder.path().join("proxy.log"));
        panic!("it does not listen: {}", log.unwrap_or_default());
    }

    /// Status, media type and body of what is behind `path`, asked as a marketplace asks.
    async fn get(&self, path: &str, headers: &[&str]) -> (String, String) {
        let headers = headers.iter().flat_map(|header| ["-H", header]);
        let output = Command::new("curl")
            .args(["-sS", "--path-as-is", "--cacert", "tls.pem"])
            .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.port)])
            .args(["-H", "Accept-Encoding: gzip, br"])
            .args(headers)
            .args(["-w", "\n%{http_code} %{content_type}"])
            .arg(format!("https://{NAME}:{}{path}", self.port))
            .current_dir(self.folder.path())
            .output()
            .await
            .expect("curl is missing; `cargo xtask test` installs it");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = String::from_utf8_lossy(&output.stderr).into_owned();
        let (body, status) = said.rsplit_once('\n').unwrap_or_else(|| panic!("{failed}"));
        (status.to_owned(), body.to_owned())
    }

    /// A look at the storefront, signed for the host that is called, its port included.
    async fn openapi(&self, target: &str) -> (String, String) {
        let host = format!("{NAME}:{}", self.port);
        let headers = ACME.signed(("GET", target), &host, b"", "nonce", self.app.now().wall);
        let headers: Vec<_> = headers
            .iter()
            .filter(|(name, _)| *name != "host")
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        self.get(target, &headers).await
    }

    /// AppCenter's connection test, with the signature in the header only.
    async fn header_signed(&self) -> (String, String) {
        let query = format!("action=TestConnection&time_stamp={}", time(&self.app));
        let signature = signature_as_sent("", &query, KEY);
        let header = format!("app_signature: {signature}");
        self.get(&format!("/spi/app?{query}"), &[&header]).await
    }
}

fn time(app: &App) -> String {
    let at = jiff::Timestamp::from_millisecond(app.now().wall.0).expect("a time");
    at.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ").to_string()
}

/// Spellings that a proxy may be tempted to tidy up.
const AWKWARD: &[&str] = &[
    "note=a%20b",
    "note=a+b",
    "note=a%2Bb",
    "note=%7E~%2a*",
    "note=%61%62c",
    "note=%e8%a7%84%E6%A0%BC",
    "note=%2F/%2e%2e/../x",
    "note=%2500%25",
    "note='!(),;:@$",
    "note=a=b==",
    "note",
    "note=",
    "z=1&a=2&note=%26%3D",
];

async fn everything_comes_through(proxied: &Proxied) {
    let good = "200 application/json";
    let timestamp = (proxied.app.now().wall.0 / 1000).to_string();
    for awkward in AWKWARD {
        let segments = ["action=TestConnection", awkward, "timestamp="];
        let mut segments = segments.map(str::to_owned);
        segments[2].push_str(&timestamp);
        // Only what is signed as it stands proves that nothing was respelt on the way.
        let query = signed_as_sent("", &segments, KEY);
        let (status, body) = proxied.get(&format!("/spi/market?{query}"), &[]).await;
        assert_eq!(status, good, "{awkward}: {body}");
        assert_eq!(body, r#"{"spiVersion":"1","success":true}"#, "{awkward}");

        let time = format!("time_stamp={}", time(&proxied.app));
        let segments = [
            "action=TestConnection".to_owned(),
            (*awkward).to_owned(),
            time,
        ];
        for prefix in ["", "GET\n"] {
            let query = signed_as_sent(prefix, &segments, KEY);
            let (status, body) = proxied.get(&format!("/spi/app?{query}"), &[]).await;
            assert_eq!(
                (status.as_str(), body.as_str()),
                (good, r#"{"success":true}"#),
                "{awkward}"
            );
        }
    }
    assert_eq!(proxied.header_signed().await.0, good);
    for target in [
        "/v1/regions/cn-north-1/bastions?filters.1.name=name&filters.1.values.1=x%20y+%2B~%7e*",
        "/v1/regions/cn-north-1/b%61stions",
    ] {
        let (status, body) = proxied.openapi(target).await;
        assert_eq!(status, "200 application/json; charset=utf-8", "{body}");
    }
    let (status, _) = proxied.get("/spi/market?action=TestConnection", &[]).await;
    assert_eq!(status, "401 application/json");
}

#[tokio::test]
async fn nginx_as_documented_passes_everything_on_as_it_came() {
    let proxied = Proxied::by_nginx(|server| server).await;
    everything_comes_through(&proxied).await;
    proxied.app.stop().await;
}

/// What the page's line is for.
#[tokio::test]
async fn nginx_without_underscores_in_headers_drops_the_signature() {
    let without = |server: String| replaced(&server, "underscores_in_headers on;", "");
    let proxied = Proxied::by_nginx(without).await;
    let (status, body) = proxied.header_signed().await;
    assert_eq!(status, "401 application/json", "{body}");
    proxied.app.stop().await;
}

#[tokio::test]
async fn caddy_as_documented_passes_everything_on_as_it_came() {
    let proxied = Proxied::by_caddy().await;
    everything_comes_through(&proxied).await;
    proxied.app.stop().await;
}
