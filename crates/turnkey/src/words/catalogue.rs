//! Every code that a person may meet, with who must act and its titles. Each row has its page in
//! `docs/errors/`, which is in the program too; `cargo xtask tidy` checks that no code in the
//! source lacks a row, and that no row or page is left over.

use turnkey_core::FaultKind;

use crate::cli::Lang;

/// What a code is about, and so who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A call: the kind of its fault, as far as it always is the same.
    Call(FaultKind),
    /// The configuration.
    Config,
    /// A command that could not go on.
    Command,
    /// The machine, or what stands before it.
    Machine,
}

/// One code.
#[derive(Debug)]
pub struct Row {
    /// The stable code.
    pub code: &'static str,
    /// What it is about.
    pub about: About,
    /// Its title in English.
    pub en: &'static str,
    /// 中文标题。
    pub zh: &'static str,
    page: &'static str,
}

/// What divides a page: the English half stands before it, the Chinese one behind.
const CHINESE: &str = "\n## 中文\n";

impl Row {
    /// The title in `lang`.
    #[must_use]
    pub fn title(&self, lang: Lang) -> &'static str {
        lang.pick(self.en, self.zh)
    }

    /// The page in `lang`, as Markdown.
    #[must_use]
    pub fn page(&self, lang: Lang) -> String {
        let (english, chinese) = self.page.split_once(CHINESE).unwrap_or((self.page, ""));
        let page = match lang {
            Lang::En => english.trim().to_owned(),
            Lang::Zh => format!("# {}\n\n{}", self.code, chinese.trim()),
        };
        page + "\n"
    }
}

macro_rules! about {
    (Config) => {
        About::Config
    };
    (Command) => {
        About::Command
    };
    (Machine) => {
        About::Machine
    };
    ($kind:ident) => {
        About::Call(FaultKind::$kind)
    };
}

/// Each row: a code, what it is about, its titles; and its page, without which nothing is built.
macro_rules! codes {
    ($($code:ident: $about:ident, $en:literal, $zh:literal;)+) => {
        /// Every code.
        pub const CATALOGUE: &[Row] = &[$(Row {
            code: stringify!($code),
            about: about!($about),
            en: $en,
            zh: $zh,
            page: include_str!(concat!("../../../../docs/errors/", stringify!($code), ".md")),
        }),+];
    };
}

codes! {
    // Calls: what a marketplace, or whoever calls, is answered.
    signature_missing: Unauthentic, "no signature", "没有签名";
    signature_wrong: Unauthentic, "the signature does not match", "签名不符";
    timestamp_stale: Unauthentic, "the signed time is too old", "签名时间太旧";
    timestamp_future: Unauthentic, "the signed time lies ahead", "签名时间在未来";
    authorization_missing: Unauthentic, "no Authorization header", "没有 Authorization 头";
    authorization_malformed: Unauthentic, "the Authorization header is none", "Authorization 头不成形";
    credential_missing: Unauthentic, "Authorization names no credential", "Authorization 里没有 Credential";
    signed_headers_missing: Unauthentic, "Authorization names no signed headers", "Authorization 里没有 SignedHeaders";
    date_missing: Unauthentic, "no x-jdcloud-date header", "没有 x-jdcloud-date 头";
    date_malformed: Unauthentic, "x-jdcloud-date is no time", "x-jdcloud-date 不是时间";
    scope_date_wrong: Unauthentic, "the credential is for another day", "Credential 是另一天的";
    access_key_unknown: Unauthentic, "nobody has that access key", "没有这个 AccessKey";
    payload_unsigned: Unauthentic, "the body is not signed", "正文没有签名";
    body_digest_wrong: Unauthentic, "the body is not what was signed", "正文不是签名时的正文";
    product_code_wrong: Unauthentic, "the call is for another product", "调用是给另一个商品的";
    query_malformed: Malformed, "the query is no query", "查询串不成形";
    query_too_long: Malformed, "the query is too long", "查询串太长";
    parameter_missing: Malformed, "a parameter is missing", "缺少参数";
    parameter_malformed: Malformed, "a parameter cannot be taken", "参数不能接受";
    parameter_repeated: Malformed, "a parameter is given twice", "参数重复";
    action_unknown: Unsupported, "no such action", "没有这个动作";
    timestamp_malformed: Malformed, "the time is none", "时间写得不对";
    debug_malformed: Malformed, "debug is neither yes nor no", "debug 不是是或否";
    period_malformed: Malformed, "the period is none", "时长写得不对";
    base64_malformed: Malformed, "a name is not base64", "名称不是 base64";
    cloud_info_malformed: Malformed, "cloud_info is no JSON object", "cloud_info 不是 JSON 对象";
    signing_unknown: Malformed, "no such way to sign", "没有这种签名方式";
    plan_unknown: Malformed, "what was bought is not offered here", "买的东西这里没有";
    method_wrong: Malformed, "not the method of this protocol", "请求方法不对";
    body_coded: Malformed, "the body is compressed", "正文被压缩";
    body_too_long: Malformed, "the body is too long", "正文太长";
    body_broken: Malformed, "the body broke off", "正文中断";
    body_slow: Malformed, "the body took too long", "正文太慢";
    import_wrong: Malformed, "it cannot be taken over like that", "不能这样接管";
    instance_unknown: Unknown, "no such instance here", "这里没有这个实例";
    call_unknown: Unknown, "no such call in the log", "日志里没有这个调用";
    fixture_unfit: Unsupported, "the call cannot become a fixture", "该调用不能做成样例";
    call_cut: Conflict, "the log kept only part of the request", "日志只保留了请求的一部分";
    operation_unknown: Unknown, "nothing to take up again", "没有可以重试的";
    order_content_differs: Conflict, "the same order with other content", "同一个订单，内容不同";
    order_cancelled: Conflict, "the order was cancelled", "订单已取消";
    account_unknown: Unknown, "no such account", "没有这个账号";
    account_taken: Conflict, "an account has that name already", "已经有同名的账号";
    account_configured: Conflict, "the account is in the configuration", "账号写在配置里";
    account_rotating: Conflict, "the account has two secrets already", "账号已经有两个密钥";
    account_not_rotating: Conflict, "the account has only one secret", "账号只有一个密钥";
    accounts_full: Conflict, "no more accounts may be made", "不能再创建账号";
    instance_taken: Conflict, "an instance has that id already", "已经有这个编号的实例";
    instance_state: Conflict, "the instance cannot do that now", "实例现在不能这样";
    term_over: Conflict, "its term is over", "期限已到";
    plan_not_larger: Conflict, "the new plan is not larger", "新的套餐并不更大";
    instance_not_expired: Conflict, "it is still paid for", "实例还在付费期内";
    order_state: Conflict, "the order does not wait for payment", "订单不在等待付款";
    value_out_of_range: Malformed, "a number is out of its range", "数字超出范围";
    body_malformed: Malformed, "the body is no JSON object", "正文不是 JSON 对象";
    api_unknown: Unknown, "there is no such operation", "没有这个接口";
    quantity_out_of_range: Malformed, "too many or none at once", "一次购买的数量不对";
    term_too_long: Conflict, "the term would end after the calendar", "期限超出日历";
    intent_unsupported: Unsupported, "the protocol cannot say that", "协议没有这个说法";
    call_log_unavailable: Busy, "the call log cannot be read", "调用日志读不到";
    not_ready: Busy, "not ready yet", "还没准备好";
    instance_overloaded: Busy, "too much work waits for the instance", "实例等待的工作太多";
    driver_unreachable: Busy, "the vendor's system cannot be asked", "问不到服务商的系统";
    store_unavailable: Busy, "the store cannot be used just now", "存储暂时不能用";
    store_queue_full: Busy, "too many calls at once", "同时的调用太多";
    store_stopped: Busy, "Turnkey is stopping", "Turnkey 正在停止";
    driver_refused: Upstream, "the vendor refused", "服务商拒绝了";
    vendor_refused: Upstream, "the vendor's endpoint refused", "服务商的接口拒绝了";
    vendor_busy: Busy, "the vendor's endpoint failed for now", "服务商的接口暂时失败";
    reply_malformed: Busy, "the vendor's answer is none", "服务商的应答不成形";
    answer_too_long: Malformed, "the answer is too long", "应答太长";
    no_answer: Busy, "no answer came", "没有应答";
    bug: Bug, "a rule of ours is broken", "我们自己出错了";
    clock_busy: Busy, "the clock is being moved", "时钟正在移动";
    clock_back: Malformed, "the clock never goes back", "时钟不能倒退";
    clock_not_virtual: Conflict, "the clock cannot be moved", "时钟不能拨动";
    play_unspeakable: Malformed, "the marketplace has no words for it", "云市场说不出这件事";
    token_wrong: Unauthentic, "no good token", "令牌不对";
    role_low: Unauthentic, "the token's role is too low", "令牌的角色权限不够";
    query_wrong: Malformed, "the admin API's query is wrong", "管理接口的查询参数不对";
    path_wrong: Malformed, "the admin API's path is wrong", "管理接口的路径不对";
    terms_elsewhere: Conflict, "the marketplace keeps this term", "期限由云市场管";
    body_wrong: Malformed, "the admin API's body is wrong", "管理接口的正文不对";
    route_unknown: Unknown, "the admin API has no such route", "管理接口没有这个地址";
    nothing_to_deliver: Conflict, "the instance waits for nobody", "实例没有在等人";
    driver_at_work: Conflict, "the driver still works on it", "驱动还在处理";
    order_unknown: Unknown, "no such order", "没有这个订单";
    purchase_unknown: Unknown, "no such purchase", "没有这次购买";
    access_absent: Unknown, "there is nothing to log in with", "没有登录信息";
    access_missing: Malformed, "what the buyer gets is missing", "缺少交给买家的内容";
    out_of_stock: Busy, "nothing is in stock", "没有库存";
    stock_too_long: Malformed, "too much stock at once", "一次加的库存太多";
    stock_duplicate: Conflict, "the stock has it already", "库存里已经有了";
    product_without_stock: Conflict, "the product has no stock", "产品没有库存";
    stock_empty: Malformed, "an item hands nothing over", "条目里什么都没有";
    // Findings of `turnkey config check`.
    config_file_missing: Config, "there is no configuration file", "没有配置文件";
    key_unknown: Config, "unknown key", "没有这个键";
    key_missing: Config, "a key is missing", "缺少键";
    value_malformed: Config, "a value is not of its kind", "值的类型不对";
    store_unknown: Config, "no such store", "没有这种存储";
    batch_empty: Config, "a transaction would be empty", "事务是空的";
    nothing_listed: Config, "nothing is listed", "没有上架任何商品";
    url_malformed: Config, "not an http(s) address", "不是 http(s) 地址";
    listen_malformed: Config, "not an address to listen at", "不是监听地址";
    plan_missing: Config, "the product has no plan", "产品没有套餐";
    driver_section_missing: Config, "the driver is not described", "没有写驱动的配置";
    driver_section_other: Config, "a table of another driver", "别的驱动的配置";
    timeout_zero: Config, "no time at all", "没有留时间";
    program_missing: Config, "no program is named", "没有写程序";
    demo_only: Config, "the demo driver delivers nothing", "demo 驱动什么都不交付";
    rate_malformed: Config, "not a share", "不是比率";
    account_in_url: Config, "an account in a URL", "URL 里有账号";
    hook_in_the_open: Config, "the hook is called without TLS", "钩子没有用 TLS";
    spi_dialect_unfit: Config, "no vendor is asked in this dialect", "不能用这个方言向服务商要实例";
    vendor_not_https: Config, "a vendor that must be called by https", "服务商必须用 https 调用";
    address_out_of_reach: Config, "an address that is not public", "不公开的地址";
    reach_malformed: Config, "neither an address nor a name", "既不是地址也不是主机名";
    plan_words_malformed: Config, "a plan that the vendor has no word for", "套餐没有服务商的叫法";
    webhook_secret_malformed: Config, "not a webhook secret", "不是 webhook 密钥";
    product_unknown: Config, "no such product", "没有这个产品";
    plan_undefined: Config, "no such plan", "没有这个套餐";
    time_zone_unknown: Config, "no such time zone", "没有这个时区";
    clock_virtual: Config, "terms are counted on a clock that can be moved", "期限按可以拨动的时钟计算";
    clock_skew_out_of_range: Config, "the time window is out of range", "时间窗口超出范围";
    vendor_contact_missing: Config, "buyers learn nobody to ask", "买家不知道该问谁";
    name_malformed: Config, "not a name", "不是名字";
    dialect_unknown: Config, "no such dialect", "没有这个协议";
    keys_missing: Config, "the listing has no key", "商品没有密钥";
    offers_contradict: Config, "offers and any_plan exclude one another", "offer 和 any_plan 不能同时写";
    offers_missing: Config, "the listing sells nothing", "商品什么都不卖";
    product_code_misnamed: Config, "the dialect calls it otherwise", "协议里不这么叫";
    reply_within_too_long: Config, "the marketplace does not wait so long", "云市场等不了这么久";
    driver_slow: Config, "the driver may outlast the marketplace", "驱动可能比云市场更慢";
    path_malformed: Config, "not a path", "不是路径";
    path_reserved: Config, "the path is Turnkey's own", "路径归 Turnkey 自己用";
    path_taken: Config, "two listings have one path", "两个商品用了同一个路径";
    path_fixed: Config, "the dialect has its own path", "协议有固定的路径";
    storefront_only: Config, "a key of storefronts only", "只有店面才有的键";
    storefront_keys: Config, "a storefront has accounts, not keys", "店面用账号，不用 keys";
    storefront_offers: Config, "the offers are none of a storefront", "offer 不合店面的规矩";
    region_malformed: Config, "the region or zone is none", "地域或可用区写得不对";
    unpaid_after_wrong: Config, "unpaid_after does nothing good", "unpaid_after 不合适";
    price_missing: Config, "something has no price", "有的东西没有价格";
    regions_missing: Config, "no region is sold in", "没有所卖的地域";
    payment_missing: Config, "nobody said who pays", "没有写明付款方式";
    expiry_own: Config, "a storefront ends its own terms", "店面的期限由自己结束";
    grace_unused: Config, "nothing would keep the grace", "宽限期不会起作用";
    price_malformed: Config, "the price is none", "价格写得不对";
    account_unused: Config, "accounts for nothing", "账号没有用处";
    access_key_malformed: Config, "the access key is none", "access key 写得不对";
    access_key_twice: Config, "two accounts have one access key", "两个账号用了同一个 access key";
    account_secrets: Config, "an account has one or two secrets", "账号有一个或两个密钥";
    root_taken: Config, "two listings have one root", "两个商品用了同一个根路径";
    key_shared: Config, "two listings share a key", "两个商品用了同一个密钥";
    secret_in_the_open: Config, "a secret stands in the file", "密钥直接写在文件里";
    secret_malformed: Config, "a secret has exactly one source", "密钥只有一个来源";
    secret_empty: Config, "the secret is empty", "密钥是空的";
    secret_unreadable: Config, "the secret's file cannot be read", "读不了密钥文件";
    variable_missing: Config, "the environment variable is not set", "没有设置环境变量";
    variable_malformed: Config, "the environment variable is not text", "环境变量不是文本";
    admin_listen_taken: Config, "the admin API needs its own address", "管理接口要有自己的地址";
    admin_public: Config, "the admin API can be reached from outside", "外部能访问管理接口";
    admin_token_short: Config, "the token is too short", "令牌太短";
    admin_token_twice: Config, "two names for one token", "一个令牌两个名字";
    // Findings of `turnkey doctor`.
    file_exposed: Machine, "others can read the file", "别人能读这个文件";
    store_ahead: Machine, "the store is ahead of the clock", "存储的时间比时钟晚";
    clock_off: Machine, "the clocks are apart", "时钟不一致";
    public_url_plain: Machine, "the public address is not https", "公网地址不是 https";
    public_url_unanswered: Machine, "nobody answers at the public address", "公网地址没有应答";
    listing_unserved: Machine, "what runs has another configuration", "运行中的是另一份配置";
    passage_changed: Machine, "the answer is another one through the proxy", "经过代理后应答不同";
    query_rewritten: Machine, "something rewrites queries", "查询串被改写";
    // What keeps a command from going on.
    address_taken: Command, "cannot listen there", "不能在那里监听";
    file_unreadable: Command, "a file cannot be read", "读不了文件";
    file_unwritable: Command, "a file cannot be written", "写不了文件";
    system_refused: Command, "the system refused something", "系统拒绝了";
    dialect_one_faced: Command, "Turnkey cannot play this marketplace", "Turnkey 不能扮演这个云市场";
    log_level_unknown: Command, "no such log level", "没有这个日志级别";
    master_key_missing: Command, "the master key is missing", "主密钥不见了";
    master_key_malformed: Command, "the master key is none", "主密钥写得不对";
    master_key_wrong: Command, "not the store's master key", "不是这个存储的主密钥";
    master_key_unchecked: Command, "the master key could not be checked", "没能核对主密钥";
    store_locked: Command, "the store is in use", "存储正在使用";
    store_unopened: Command, "the store cannot be opened", "打不开存储";
    store_foreign: Command, "not a Turnkey store", "不是 Turnkey 的存储";
    store_without_wal: Command, "the file system cannot do it", "文件系统不支持";
    store_newer: Command, "the store is of a newer Turnkey", "存储来自更新的 Turnkey";
    store_uncopied: Command, "no copy before the upgrade", "升级前没能留副本";
    store_unmigrated: Command, "the store could not be upgraded", "没能升级存储";
    store_refused: Command, "the database refused", "数据库拒绝了";
    listing_missing: Command, "a listing with orders is gone", "有订单的商品不见了";
    listing_twice: Command, "two listings would become one", "两个商品会变成一个";
    file_too_long: Command, "the file is too long", "文件太长";
    import_malformed: Command, "the file is no list of instances", "文件不是实例列表";
    access_malformed: Command, "the file is no access", "文件不是登录信息";
    scenario_unknown: Command, "no scenario of that name", "没有这个名字的场景";
    scenario_malformed: Command, "the file is no scenario", "这个文件不是场景";
    stock_file_malformed: Command, "the stock file is no CSV", "库存文件不是 CSV";
    stock_column_unclear: Command, "a column has no name of its own", "列没有自己的名字";
    stock_file_empty: Command, "the stock file has no item", "库存文件没有条目";
    folder_shared: Command, "the folder is not this user's alone", "目录不只归当前用户";
}

/// The row of `code`.
#[must_use]
pub fn find(code: &str) -> Option<&'static Row> {
    CATALOGUE.iter().find(|row| row.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_in_both_languages_who_acts_and_what_to_do() {
        for row in CATALOGUE {
            for (lang, parts) in [
                (Lang::En, ["**Who acts.**", "**What to do.**"]),
                (Lang::Zh, ["**谁来处理。**", "**怎么办。**"]),
            ] {
                let page = row.page(lang);
                assert!(page.starts_with(&format!("# {}\n", row.code)), "{page}");
                for part in parts {
                    assert!(page.contains(part), "{}: {part}", row.code);
                }
                assert!(
                    page.to_lowercase()
                        .contains(&row.title(lang).to_lowercase()),
                    "{page}"
                );
            }
            assert!(!row.page(Lang::Zh).is_ascii(), "{}", row.code);
        }
    }

    #[test]
    fn no_code_stands_twice() {
        let codes: std::collections::BTreeSet<_> = CATALOGUE.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), CATALOGUE.len());
    }
}
