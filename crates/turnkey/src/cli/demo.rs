//! `turnkey demo`: everything works, nothing is real.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;

use crate::cli::serve::{accepted, bind, runtime, serve};
use crate::cli::{Exit, Lang, complain, say};
use crate::config::runtime::{DemoDoor, DemoFile};
use crate::config::{self, Settings};
use crate::http::server::DoorLimits;
use crate::log;
use crate::wire_up::Doors;
use crate::words::start;

/// What to try at the admin API: what was sold, and what becomes of it within a year.
const ADMIN_NEXT: &str = "turnkey order list · turnkey clock advance 400d --play";

#[derive(clap::Args)]
pub(super) struct Demo {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8686")]
    listen: String,
    /// Where the admin API listens; by default 127.0.0.1:8687, or any free port where that is taken.
    #[arg(long)]
    admin_listen: Option<String>,
    /// Keep the data in this folder instead of a temporary one.
    #[arg(long)]
    data: Option<PathBuf>,
    /// How long the fake product takes to deliver, such as 600ms; by default it is there at once.
    #[arg(long)]
    delay: Option<String>,
    /// The share of deliveries that fail and are retried, 0 to 1.
    #[arg(long)]
    failure_rate: Option<f64>,
}

impl Demo {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let since = Instant::now();
        let temporary = match self.data {
            Some(_) => None,
            None => Some(tempfile::tempdir().with_context(|| {
                start::system_refused("cannot make a temporary folder", "不能建临时目录")
            })?),
        };
        let folder = match (&self.data, &temporary) {
            (Some(data), _) => data.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => PathBuf::new(),
        };
        std::fs::create_dir_all(&folder).with_context(|| start::cannot_write(&folder))?;
        runtime()?.block_on(async {
            let doors = Doors {
                market: bind(&self.listen).await?,
                admin: bind_admin(self.admin_listen.as_deref()).await?,
                limits: DoorLimits::default(),
            };
            let address = doors.market.local_addr()?.to_string();
            let admin = doors.admin.local_addr()?.to_string();
            let door = DemoDoor {
                url: format!("http://{admin}"),
                token: new_token(),
                market: format!("http://{address}"),
            };
            let token = door.token.expose_secret().to_owned();
            let mut overrides = vec![
                ("server.listen", address.clone()),
                ("server.public_url", format!("http://{address}")),
                ("server.admin_listen", admin),
                ("admin.token.demo.token.value", token),
            ];
            for delay in ["product.demo.demo.delay", "product.bastion.demo.delay"] {
                overrides.extend(self.delay.clone().map(|d| (delay, d)));
            }
            let rate = self
                .failure_rate
                .map(|rate| ("product.demo.demo.failure_rate", rate));
            let mut checked = config::demo(&folder, &overrides, rate);
            // What warns of real orders would only frighten here.
            checked.findings.retain(|finding| finding.is_error);
            let Some(settings) = accepted(checked, lang) else {
                return Ok(Exit::Problems);
            };
            log::start(&settings.log)?;
            let mut word = None;
            serve(&settings, None, doors, || {
                word = left_word(&door, lang);
                greet(&settings, self.data.is_some(), since, lang);
            })
            .await?;
            drop(word);
            Ok(Exit::Good)
        })
    }
}

async fn bind_admin(asked: Option<&str>) -> anyhow::Result<TcpListener> {
    match asked {
        Some(address) => bind(address).await,
        None => match bind("127.0.0.1:8687").await {
            Ok(listener) => Ok(listener),
            Err(_) => bind("127.0.0.1:0").await,
        },
    }
}

/// A token for this life of the demo: 256 bits.
fn new_token() -> SecretString {
    let hex = |byte: u8| format!("{byte:02x}");
    let token: String = rand::random::<[u8; 32]>().map(hex).concat();
    token.into()
}

/// Leaves word for the other commands; a demo that cannot do so is a demo all the same.
fn left_word(door: &DemoDoor, lang: Lang) -> Option<DemoFile> {
    let written = DemoFile::write(door);
    if let Err(error) = &written {
        complain(&match lang {
            Lang::En => {
                format!("the commands that run the shop will not find this demo: {error:#}")
            }
            Lang::Zh => format!("管理命令将找不到这个演示进程：{error:#}"),
        });
    }
    written.ok()
}

fn greet(settings: &Settings, is_kept: bool, since: Instant, lang: Lang) {
    let version = env!("CARGO_PKG_VERSION");
    let url = &settings.public_url;
    let data = match is_kept {
        true => lang.pick("data is kept", "数据会保留"),
        false => lang.pick("data in a temporary folder", "数据放在临时目录里"),
    };
    say(&match lang {
        Lang::En => format!("turnkey {version}  demo: nothing is real, {data}"),
        Lang::Zh => format!("turnkey {version}  演示模式：一切都是假的，{data}"),
    });
    for listing in &settings.listings {
        let (title, path) = (listing.dialect.card().title, &listing.path);
        if listing.front.is_some() {
            say(&match lang {
                Lang::En => format!("  {title}  {url}{path}   account demo-ak / demo-sk"),
                Lang::Zh => format!("  {title}  {url}{path}   账号 demo-ak / demo-sk"),
            });
            continue;
        }
        say(&match lang {
            Lang::En => format!("  {title}  {url}{path}   key demo-key, any spec and package"),
            Lang::Zh => format!("  {title}  {url}{path}   密钥 demo-key，任意规格和套餐"),
        });
    }
    let admin = &settings.admin.listen;
    say(&match lang {
        Lang::En => format!("  admin API  http://{admin}/api/v1   {ADMIN_NEXT}"),
        Lang::Zh => format!("  管理接口  http://{admin}/api/v1   命令会自动找到它：{ADMIN_NEXT}"),
    });
    let ready_ms = since.elapsed().as_millis();
    let next = match settings.listen.as_str() {
        "127.0.0.1:8686" => "turnkey trigger qingcloud-market create".to_owned(),
        _ => {
            format!("turnkey trigger qingcloud-market create --to {url}/spi/qingcloud-market/demo")
        }
    };
    say(&match lang {
        Lang::En => format!("ready in {ready_ms} ms      next, in another terminal: {next}"),
        Lang::Zh => format!("{ready_ms} 毫秒后就绪      下一步，在另一个终端里：{next}"),
    });
}
