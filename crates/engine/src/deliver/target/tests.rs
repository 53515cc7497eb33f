#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use super::super::limits::HOUR_US;
use super::*;

fn target() -> Target {
    let url = Url::parse("https://crm.example/hook/s3cret").unwrap();
    Target { name: "crm".to_owned(), url, secrets: Vec::new(), allow: Vec::new(), hold: None, failing_since_us: None }
}

fn allowed(texts: &[&str]) -> Vec<Host> {
    parse_allowed(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What the parser says against an address, from after "the address of a target".
#[track_caller]
fn wrong(url: &str) -> String {
    let error = parse_url(url, &[]).expect_err(url).to_string();
    error.strip_prefix("the address of a target ").unwrap().to_owned()
}

#[test]
fn addresses_that_are_none_are_refused() {
    for (url, why) in [
        ("", "cannot be read (relative URL without a base): write it as https://example.com/hook"),
        ("crm.example/hook", "cannot be read (relative URL without a base): write it as https://example.com/hook"),
        ("https://", "cannot be read (empty host): write it as https://example.com/hook"),
        ("https://crm.example:70000", "cannot be read (invalid port number): write it as https://example.com/hook"),
        ("file:///etc/passwd", "begins with https:// or http://"),
        ("gopher://crm.example", "begins with https:// or http://"),
        ("javascript:alert(1)", "begins with https:// or http://"),
        ("ftp://crm.example/x", "begins with https:// or http://"),
        ("https://me@crm.example", "must not contain a user or password: receivers know us by the signature"),
        ("https://me:pass@crm.example", "must not contain a user or password: receivers know us by the signature"),
        ("https://:pass@crm.example", "must not contain a user or password: receivers know us by the signature"),
        ("https://crm.example/#part", "must not have a part after #, which is never sent"),
        ("https://crm.example:0/", "has port 0, where nobody listens"),
        ("https://crm.example/\r\nhost: other", "contains a space or a control character"),
        ("https://crm.example/%0d\n", "contains a space or a control character"),
        ("ht\ttps://crm.example/", "contains a space or a control character"),
        (" https://crm.example/", "contains a space or a control character"),
        ("https://crm.example/\u{85}x", "contains a space or a control character"),
        ("https://crm.example/\0", "contains a space or a control character"),
    ] {
        assert_eq!(wrong(url), why, "{url:?}");
    }
    assert_eq!(wrong(&format!("https://crm.example/{}", "a".repeat(2_000))), "has more than 2000 bytes");
    // What could end a header is written with percent signs, if it gets there at all.
    let url = parse_url("https://crm.example/a%0d%0ab?c=\"<>", &[]).unwrap();
    assert!(url.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
}

/// Every way in which an address of this machine or of its network can be written down.
#[test]
fn private_addresses_are_seen_however_they_are_written() {
    let this_machine = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7F.0x0.0x0.0x1",
        "017700000001",
        "0177.0.0.1",
        "0177.1",
        "127.0.0.1.",
        "127.127.127.127",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0000::ffff:7f00:0001]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "１２７.０.０.１",
        "127。0。0。1",
        "%31%32%37.0.0.1",
    ];
    let private = [
        "10.0.0.1",
        "10.1",
        "167772161",
        "0xa000001",
        "012.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.257",
        "0xc0a80001",
        "[fc00::1]",
        "[fd12::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:192.168.0.1]",
        "[64:ff9b::a00:1]",
    ];
    let metadata = [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
    ];
    let others = [
        "0.0.0.0",
        "0",
        "0x0",
        "[::]",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[ff02::1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[64:ff9b:1::a00:1]",
        "198.18.0.1",
        "192.0.2.1",
        "[2001:db8::1]",
        "[fec0::1]",
    ];
    let all = [&this_machine[..], &private, &metadata, &others].concat();
    assert_eq!(all.len(), 60);
    for host in all {
        let why = wrong(&format!("http://{host}:8080/hook"));
        assert!(why.ends_with(": name it in `allow` if that is meant"), "{host}: {why}");
    }
    for (hosts, kind) in [(&this_machine[..], "this machine"), (&private, "private"), (&metadata, "metadata")] {
        for host in hosts {
            assert!(wrong(&format!("https://{host}/")).contains(kind), "{host}");
        }
    }
    for host in ["1.1.1.1", "8.8.8.8", "0x08080808", "[2606:4700::1111]", "crm.example", "localhost", "münchen.example"]
    {
        assert!(
            parse_url(&format!("https://{host}/"), &[]).is_ok(),
            "{host}: a name is looked at when it has an address"
        );
    }
}

#[test]
fn what_is_named_is_allowed_and_nothing_else() {
    let by_name = Target { allow: allowed(&["CRM.example."]), ..target() };
    for (address, kind) in [
        ("1.1.1.1", None),
        ("10.0.0.1", None),
        ("127.0.0.1", None),
        ("::1", None),
        ("::ffff:10.0.0.1", None),
        ("fd00::1", None),
        // A name may change its mind, so it does not open these.
        ("169.254.169.254", Some("where a cloud keeps its metadata")),
        ("fe80::1", Some("a link-local address")),
        ("0.0.0.0", Some("an unspecified address")),
    ] {
        assert_eq!(by_name.check(ip(address)).err().map(Kind::name), kind, "{address}");
    }
    let other_name = Target { allow: allowed(&["example", "www.crm.example", "crm.example.org"]), ..target() };
    assert!(other_name.check(ip("10.0.0.1")).is_err());
    let by_address =
        Target { allow: allowed(&["10.0.0.7", "::ffff:10.0.0.8", "[fd00::1]", "169.254.1.1"]), ..target() };
    for address in ["10.0.0.7", "10.0.0.8", "::ffff:10.0.0.7", "64:ff9b::a00:7", "fd00::1", "169.254.1.1"] {
        assert!(by_address.check(ip(address)).is_ok(), "{address}");
    }
    for address in ["10.0.0.9", "fd00::2", "127.0.0.1", "169.254.169.254"] {
        assert!(by_address.check(ip(address)).is_err(), "{address}");
    }
    assert!(parse_url("http://2130706433:8098/hook", &allowed(&["127.0.0.1"])).is_ok());
    assert!(parse_url("http://[::ffff:127.0.0.1]/", &allowed(&["127.0.0.1"])).is_ok());
    for text in ["", " ", "a b", "http://crm.example", "10.0.0.0/8", "crm.example:80", "*.example", "."] {
        assert!(parse_allowed(&[text.to_owned()]).is_err(), "{text:?}");
    }
}

#[test]
fn after_a_change_both_secrets_sign_for_a_day() {
    let secret = |byte: usize| Secret::parse(&format!("whsec_{}", ["AAAA", "BBBB", "CCCC"][byte].repeat(8))).unwrap();
    let mut target = target();
    target.rotate(secret(0), 0).unwrap();
    target.rotate(secret(1), HOUR_US).unwrap();
    let signing = |target: &Target, hours| target.signing(hours * HOUR_US).cloned().collect::<Vec<_>>();
    assert_eq!(signing(&target, 1), [secret(1), secret(0)], "the newest first");
    assert_eq!(signing(&target, 24), [secret(1), secret(0)]);
    assert_eq!(signing(&target, 25), [secret(1)]);
    // Changed again before the first has run out: it does at the time that was said.
    target.rotate(secret(2), 24 * HOUR_US).unwrap();
    assert_eq!(signing(&target, 24), [secret(2), secret(1), secret(0)]);
    assert_eq!(signing(&target, 26), [secret(2), secret(1)]);
    // Back to one that signs along already.
    target.rotate(secret(1), 26 * HOUR_US).unwrap();
    assert_eq!(signing(&target, 26), [secret(1), secret(2)]);
    for _ in 0..2 {
        target.rotate(Secret::random().unwrap(), 26 * HOUR_US).unwrap();
    }
    let error = target.rotate(Secret::random().unwrap(), 26 * HOUR_US).unwrap_err().to_string();
    assert!(error.contains("wait until the older ones have run out"), "{error}");
    assert_eq!(signing(&target, 26).len(), 4, "and nothing is lost by asking");
}

#[test]
fn secrets_are_not_shown() {
    let mut target = target();
    let secret = Secret::random().unwrap();
    target.rotate(secret.clone(), 0).unwrap();
    let shown = format!("{target:?} {target:#?} {secret:?} {:?}", target.secrets);
    let written = secret.reveal();
    assert!(written.starts_with("whsec_") && written.len() == 50, "{}", written.len());
    assert!(!shown.contains(written.trim_start_matches("whsec_")) && !shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("crm.example"), "{shown}");
    assert_ne!(secret, Secret::random().unwrap());
    for text in
        ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"]
    {
        assert!(Secret::parse(text).is_err(), "{text}");
    }
}
