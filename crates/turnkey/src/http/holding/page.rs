//! The pages: what they say, in both languages. The template escapes whatever comes from outside.

use askama::Template;
use turnkey_core::{LinkPart, Linked, Login, UtcMillis};

use crate::cli::Lang;
use crate::config::VendorSettings;

/// The one style sheet of all pages; its hash is what the pages' policy allows.
pub(super) const STYLE: &str = include_str!("../../../templates/holding.css");

/// One page.
#[derive(Template, Default)]
#[template(path = "holding.html")]
pub(super) struct Page<'a> {
    lang: &'static str,
    style: &'static str,
    vendor: Option<&'a str>,
    heading: &'static str,
    lines: Vec<String>,
    busy: bool,
    steps: Vec<Step>,
    account: Vec<(&'static str, &'a str)>,
    open: Option<Act>,
    reveal: Option<Act>,
    hint: Option<String>,
    contact: Option<Contact<'a>>,
    instance: Option<(&'static str, &'a str)>,
}

struct Step {
    is: &'static str,
    text: &'static str,
}

struct Act {
    to: String,
    text: &'static str,
}

struct Contact<'a> {
    text: &'static str,
    name: &'a str,
    to: Option<String>,
}

/// What every page of a link needs to know.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) lang: Lang,
    pub(super) vendor: &'a VendorSettings,
}

impl<'a> Setting<'a> {
    /// A page that tells nothing but what it says.
    fn bare(self, heading: (&'static str, &'static str), lines: &[(&str, &str)]) -> Page<'a> {
        let line =
            |(english, chinese): &(&str, &str)| self.lang.pick(*english, *chinese).to_owned();
        Page {
            lang: self.lang.pick("en", "zh-CN"),
            style: STYLE,
            heading: self.lang.pick(heading.0, heading.1),
            lines: lines.iter().map(line).collect(),
            ..Page::default()
        }
    }

    /// A page of a link that exists: with the vendor's name and the instance's.
    fn of(
        self,
        linked: &'a Linked,
        heading: (&'static str, &'static str),
        lines: &[(&str, &str)],
    ) -> Page<'a> {
        let of_instance = self.lang.pick("Instance", "实例");
        Page {
            vendor: self.vendor.name.as_deref(),
            instance: Some((of_instance, linked.instance.id.as_str())),
            ..self.bare(heading, lines)
        }
    }

    /// Names whom to ask; without one, nobody is named.
    fn with_contact(self, page: Page<'a>) -> Page<'a> {
        let Some(name) = self.vendor.contact.as_deref() else {
            return page;
        };
        let is_web = name.starts_with("https://") || name.starts_with("http://");
        let is_mail = !is_web && name.contains('@') && !name.contains(char::is_whitespace);
        let to = is_web
            .then(|| name.to_owned())
            .or_else(|| is_mail.then(|| format!("mailto:{name}")));
        let text = self.lang.pick("Questions:", "有问题请联系：");
        Page {
            contact: Some(Contact { text, name, to }),
            ..page
        }
    }

    fn steps(self, is: [&'static str; 3]) -> Vec<Step> {
        let texts = [
            self.lang.pick("Order received", "已收到订单"),
            self.lang.pick("Being set up", "正在开通"),
            self.lang.pick("Ready to use", "可以使用"),
        ];
        let step = |(is, text)| Step { is, text };
        is.into_iter().zip(texts).map(step).collect()
    }

    /// The driver is at work.
    pub(super) fn progress(self, linked: &'a Linked, wall: UtcMillis) -> Page<'a> {
        let heading = ("Your instance is being prepared", "您的实例正在准备中");
        let ago = ago(wall.ms_since(linked.ordered_at), self.lang);
        let ordered = match self.lang {
            Lang::En => format!("It was ordered {ago}."),
            Lang::Zh => format!("订单于{ago}收到。"),
        };
        let stay = self.lang.pick(
            "This page looks again by itself and takes you there as soon as it is ready. You can \
             also close it and come back later: the address stays the same.",
            "本页会自动刷新，准备好后立即为您打开。您也可以先关闭，稍后再来：地址不会变。",
        );
        Page {
            lines: vec![ordered, stay.to_owned()],
            busy: true,
            steps: self.steps(["done", "now", ""]),
            ..self.with_contact(self.of(linked, heading, &[]))
        }
    }

    /// The delivery failed or was given up.
    pub(super) fn needs_person(self, linked: &'a Linked) -> Page<'a> {
        let page = self.of(
            linked,
            (
                "Your instance could not be set up yet",
                "您的实例暂时没能开通",
            ),
            &[
                (
                    "Your order is safe and nothing is lost, but something went wrong while your \
                     instance was being set up. The vendor has been told.",
                    "您的订单已经保存，不会丢失，但开通实例时出了问题。服务商已经收到通知。",
                ),
                (
                    "As soon as it is put right, this same address takes you there.",
                    "问题解决后，这个地址会直接为您打开。",
                ),
            ],
        );
        Page {
            steps: self.steps(["done", "bad", ""]),
            ..self.with_contact(page)
        }
    }

    /// It is there, and its account can be shown.
    pub(super) fn ready(self, linked: &'a Linked, way: &Way<'_>, until: &str) -> Page<'a> {
        let page = self.of(linked, ("Your instance is ready", "您的实例已准备好"), &[]);
        let act = self
            .lang
            .pick("Show account and password", "显示账号和密码");
        Page {
            steps: self.steps(["done", "done", "done"]),
            open: way.open(self.lang),
            reveal: Some(Act {
                to: way.own.to_owned(),
                text: act,
            }),
            hint: Some(match self.lang {
                Lang::En => format!("Can be shown until {until}. Each time is recorded."),
                Lang::Zh => format!("在 {until} 之前可以显示，每次都会记录。"),
            }),
            ..page
        }
    }

    /// The account.
    pub(super) fn account(
        self,
        linked: &'a Linked,
        login: &'a Login,
        way: &Way<'_>,
        until: &str,
    ) -> Page<'a> {
        let page = self.of(
            linked,
            ("Account and password", "账号和密码"),
            &[(
                "Keep them in a safe place, and change the password after you have signed in.",
                "请妥善保管，登录后请修改密码。",
            )],
        );
        let rows = [
            (self.lang.pick("Account", "账号"), &login.username),
            (self.lang.pick("Password", "密码"), &login.password),
        ];
        let row = |(name, text): (&'static str, &'a Option<String>)| Some((name, text.as_deref()?));
        let account_at = format!("{}/account", way.shown);
        Page {
            account: rows.into_iter().filter_map(row).collect(),
            open: way.open(self.lang),
            hint: Some(match self.lang {
                Lang::En => format!("Until {until} you find this again at {account_at}"),
                Lang::Zh => format!("在 {until} 之前，您可以在这里再次查看：{account_at}"),
            }),
            ..page
        }
    }

    /// The time to show the account is over.
    pub(super) fn over(self, linked: &'a Linked, way: &Way<'_>) -> Page<'a> {
        let page = self.of(
            linked,
            (
                "Account and password are not shown here any more",
                "这里不再显示账号和密码",
            ),
            &[(
                "The time in which they could be shown is over. If you do not have them, please \
                 ask the vendor.",
                "可以显示的时间已经结束。如果您没有记下，请联系服务商。",
            )],
        );
        Page {
            open: way.open(self.lang),
            ..self.with_contact(page)
        }
    }

    /// There is no account on this part.
    pub(super) fn no_account(self, linked: &'a Linked, way: &Way<'_>) -> Page<'a> {
        let page = self.of(
            linked,
            ("There is no account to show", "没有可以显示的账号"),
            &[(
                "The vendor gave none for this address.",
                "服务商没有为这个地址提供账号。",
            )],
        );
        Page {
            open: way.open(self.lang),
            ..self.with_contact(page)
        }
    }

    /// The vendor has no such part, or says an address that is none.
    pub(super) fn no_target(self, linked: &'a Linked) -> Page<'a> {
        let lines = match linked.link.part {
            LinkPart::FrontEnd => [(
                "Your instance is there, but the vendor gave no address that a browser can open.",
                "您的实例已开通，但服务商没有提供浏览器可以打开的地址。",
            )],
            LinkPart::Admin => [(
                "This product has no administration address of its own. Please use its other \
                 address.",
                "这个产品没有单独的管理地址，请使用它的其他地址。",
            )],
            LinkPart::SignOn => [(
                "This product cannot be entered with single sign-on. Please open it by its own \
                 address.",
                "这个产品不支持单点登录，请用它自己的地址打开。",
            )],
        };
        let heading = ("There is no page to open here", "这里没有可以打开的页面");
        self.with_contact(self.of(linked, heading, &lines))
    }

    /// The instance was removed.
    pub(super) fn gone(self) -> Page<'a> {
        self.bare(
            ("This instance has been removed", "这个实例已经删除"),
            &[("Nothing is left at this address.", "这个地址已经没有内容。")],
        )
    }

    /// Nobody knows this link.
    pub(super) fn unknown(self) -> Page<'a> {
        self.bare(
            ("There is nothing here", "这里什么也没有"),
            &[(
                "Please check that the address is complete.",
                "请检查地址是否完整。",
            )],
        )
    }

    /// The store cannot be read just now.
    pub(super) fn unwell(self) -> Page<'a> {
        self.bare(
            ("Please try again in a moment", "请稍后再试"),
            &[(
                "This page cannot be shown just now; it tries again by itself.",
                "这个页面暂时无法显示，会自动重试。",
            )],
        )
    }

    /// What the demonstration's own addresses show.
    pub(super) fn fake(self) -> Page<'a> {
        self.bare(
            ("This is the demo product", "这是演示产品"),
            &[
                (
                    "You have come to where a bought instance would be. In a real shop this is \
                     your own application.",
                    "买到的实例就在这里。在真实的环境里，这里是您自己的应用。",
                ),
                (
                    "Nothing here is real: `turnkey demo` made the address, the account and this \
                     page up.",
                    "这里的一切都是假的：地址、账号和这个页面都是 turnkey demo 编的。",
                ),
            ],
        )
    }
}

/// Where a page of a link leads.
pub(super) struct Way<'a> {
    /// The path of the link itself.
    pub(super) own: &'a str,
    /// The link as a person writes it down.
    pub(super) shown: &'a str,
    /// Where its part is.
    pub(super) target: Option<&'a str>,
}

impl Way<'_> {
    fn open(&self, lang: Lang) -> Option<Act> {
        let text = lang.pick("Open", "打开");
        self.target.map(|to| Act {
            to: to.to_owned(),
            text,
        })
    }
}

fn ago(ms: u64, lang: Lang) -> String {
    let minutes = ms / 60_000;
    let (count, one, many, chinese) = match minutes {
        0 => {
            return lang
                .pick("less than a minute ago", "不到一分钟前")
                .to_owned();
        }
        1..=119 => (minutes, "minute", "minutes", "分钟"),
        120..=2879 => (minutes / 60, "hour", "hours", "小时"),
        _ => (minutes / 1440, "day", "days", "天"),
    };
    match lang {
        Lang::En => format!("{count} {} ago", if count == 1 { one } else { many }),
        Lang::Zh => format!("{count} {chinese}前"),
    }
}
