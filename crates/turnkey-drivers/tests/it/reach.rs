//! Which addresses another vendor may be at.

use std::net::IpAddr;

use turnkey_drivers::Reach;
use turnkey_drivers::reach::not_public;

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

#[test]
fn what_is_not_public_is_told_from_what_is() {
    for (range, addresses) in [
        (
            "unspecified",
            &["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"][..],
        ),
        (
            "loopback",
            &["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"],
        ),
        (
            "private",
            &[
                "10.0.0.1",
                "10.255.255.255",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
                "::ffff:10.0.0.1",
                "64:ff9b::10.0.0.1",
                "64:ff9b::c0a8:1",
                "2002:a00:1::",
                "2002:c0a8:101:1:2:3:4:5",
            ],
        ),
        (
            "a provider's own (100.64.0.0/10)",
            &["100.64.0.1", "100.127.255.255", "100.100.100.200"],
        ),
        (
            "link-local",
            &[
                "169.254.169.254",
                "::ffff:a9fe:a9fe",
                "2002:a9fe:a9fe::1",
                "fe80::1",
                "febf::1",
            ],
        ),
        ("unique-local", &["fc00::1", "fd00:ec2::254", "fdff::1"]),
        (
            "multicast",
            &["224.0.0.1", "239.255.255.255", "ff02::1", "ffff::1"],
        ),
        ("broadcast", &["255.255.255.255"]),
        (
            "reserved",
            &[
                "240.0.0.1",
                "255.255.255.254",
                // Addresses of a former age that a system may still take for IPv4.
                "::127.0.0.1",
                "::ffff:0:127.0.0.1",
                // What leads to IPv4 at the network's own discretion, and what is discarded.
                "64:ff9b:1::1",
                "100::1",
                "fec0::1",
                "4000::1",
                "5f00::1",
            ],
        ),
        (
            "for documentation",
            &[
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.1",
                "2001:db8::1",
                "3fff::1",
                "3fff:fff::1",
            ],
        ),
        ("for benchmarks", &["198.18.0.1", "198.19.255.255"]),
        (
            "reserved for protocols",
            &["192.0.0.8", "2001::1", "2001:0:7f00:1::", "2001:2::1"],
        ),
        ("a relay of 6to4", &["192.88.99.1"]),
    ] {
        for text in addresses {
            assert_eq!(not_public(address(text)), Some(range), "{text}");
        }
    }
    for text in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
        "2002:101:101::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2400:3200::1",
        "3ffe::1",
    ] {
        assert_eq!(not_public(address(text)), None, "{text}");
    }
}

#[track_caller]
fn check(reach: &[&str], host: &str, at: &str, is_allowed: bool) {
    let reach = Reach::parse(reach).expect("a reach");
    assert_eq!(reach.check(host, address(at)).is_ok(), is_allowed, "{host}");
}

#[test]
fn what_is_named_may_be_called() {
    check(&[], "vendor.example", "93.184.215.14", true);
    check(&[], "vendor.internal", "10.0.0.1", false);
    check(&["10.0.0.0/8"], "vendor.internal", "10.0.0.1", true);
    check(&["10.0.0.0/8"], "vendor.internal", "192.168.0.1", false);
    check(&["10.0.0.1"], "vendor.internal", "10.0.0.2", false);
    check(&["10.0.0.1"], "vendor.internal", "::ffff:10.0.0.1", true);
    check(&["fd00::/8"], "vendor.internal", "fd12::1", true);
    check(&["Vendor.Internal"], "vendor.internal", "10.0.0.1", true);
    check(&["vendor.internal"], "VENDOR.internal.", "10.0.0.1", true);
    check(&["vendor.internal"], "x.vendor.internal", "10.0.0.1", false);
    check(&["internal"], "vendor.internal", "10.0.0.1", false);
}

#[test]
fn odd_spellings_of_an_address_are_read() {
    let reach = Reach::default();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
    ] {
        let refused = reach.check_literal(&format!("http://{host}:80/spi"));
        assert!(refused.is_err(), "{host}");
    }
    for host in ["1.1.1.1", "vendor.example", "[2400:3200::1]"] {
        let refused = reach.check_literal(&format!("https://{host}/spi"));
        assert_eq!(refused, Ok(()), "{host}");
    }
    let said = reach.check_literal("http://10.1.2.3/").unwrap_err();
    let said = said.to_string();
    assert_eq!(
        said,
        "10.1.2.3 is private: it is not called unless `reach` names it"
    );
}

#[test]
fn an_entry_is_an_address_a_block_or_a_name() {
    for entry in [
        "",
        "10.0.0.0/33",
        "10.0.0",
        "a b",
        "http://vendor",
        "v:80",
        "10.0.0.0/8 ",
    ] {
        assert!(Reach::parse(&[entry]).is_err(), "{entry:?}");
    }
    assert!(Reach::parse(&["::1", "fd00::/8", "10.0.0.1", "v-1.internal"]).is_ok());
}
