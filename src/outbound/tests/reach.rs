//! What is public, what is listed, and what an address may look like.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_the_public_internet_is_public() {
    for public in
        ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.1.0.0", "223.255.255.255"]
    {
        assert!(is_public(ip(public)), "{public}");
    }
    for public in ["2606:4700::1111", "2a00:1450::1", "2001:4860::8888", "2003::1"] {
        assert!(is_public(ip(public)), "{public}");
    }
    for not in ["0.0.0.0", "0.1.2.3", "10.255.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"] {
        assert!(!is_public(ip(not)), "{not}");
    }
    for not in ["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.7", "192.88.99.1", "192.168.1.1"] {
        assert!(!is_public(ip(not)), "{not}");
    }
    for not in
        ["198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"]
    {
        assert!(!is_public(ip(not)), "{not}");
    }
    for not in [
        "::",
        "::1",
        "::7f00:1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(ip(not)), "{not}");
    }
}

#[test]
fn a_machine_knows_its_own_addresses() {
    assert!(is_own(ip("127.0.0.1")));
    assert!(!is_own(ip("192.0.2.1")) && !is_own(ip("8.8.8.8")));
}

#[test]
fn a_list_opens_what_it_names_and_nothing_beside_it() {
    let reach: Reach = " files.intranet, 10.1.0.0/16,192.168.7.7 , fd00::/8".parse().unwrap();
    for (host, address, may) in [
        ("files.intranet", "10.9.9.9", true),
        ("FILES.intranet.", "127.0.0.1", true),
        ("other.intranet", "10.9.9.9", false),
        ("any", "10.1.255.255", true),
        ("any", "10.2.0.0", false),
        ("any", "192.168.7.7", true),
        ("any", "192.168.7.8", false),
        ("any", "fd12::1", true),
        ("any", "::ffff:10.1.0.1", false),
        ("any", "8.8.8.8", true),
    ] {
        assert_eq!(reach.may_dial(host, ip(address)), may, "{host} at {address}");
    }
    for bad in ["10.0.0.0/33", "10.0.0.0/x", "fd00::/129", "a b", "http://x", "intranet/8", "10.0.0/8"] {
        assert_eq!(bad.parse::<Reach>(), Err(()), "{bad}");
    }
    assert_eq!("".parse::<Reach>(), Ok(Reach::default()));
    assert!(!"0.0.0.0/0".parse::<Reach>().unwrap().may_dial("any", ip("::1")), "all of IPv4 is none of IPv6");
    assert!("0.0.0.0/0".parse::<Reach>().unwrap().may_dial("any", ip("10.0.0.1")));
}

#[test]
fn an_address_is_read_once_and_judged_as_it_was_read() {
    let reach: Reach = "files.intranet,10.1.0.0/16".parse().unwrap();
    let asked = |text: &str, http| read(text).and_then(|url| reach.judge(&url, http).map(|()| String::from(url)));
    let admit = |text: &str| asked(text, false);
    assert_eq!(admit("https://Example.COM/a b".replace(' ', "%20").as_str()), Ok("https://example.com/a%20b".into()));
    assert_eq!(admit("https://example.com:8443/"), Ok("https://example.com:8443/".into()));
    for (text, why) in [
        ("http://example.com/", Blocked::Scheme),
        ("file:///etc/passwd", Blocked::NoAddress),
        ("ftp://example.com/x", Blocked::Scheme),
        ("gopher://example.com/x", Blocked::Scheme),
        ("data:image/png;base64,AAAA", Blocked::NoAddress),
        ("javascript:alert(1)", Blocked::NoAddress),
        ("https://user@example.com/", Blocked::Userinfo),
        ("https://example.com:22/", Blocked::Port),
        ("https://8.8.8.8/", Blocked::Literal),
        ("https://0x7f.1/", Blocked::Private),
        ("https://2130706433/", Blocked::Private),
        ("https://[::1]/", Blocked::Private),
        ("https://exa\tmple.com/", Blocked::NoAddress),
        ("https:\\\\example.com/", Blocked::NoAddress),
        ("https://", Blocked::NoAddress),
        ("example.com/x", Blocked::NoAddress),
    ] {
        assert_eq!(admit(text), Err(why), "{text}");
    }
    assert_eq!(admit(&format!("https://example.com/{}", "x".repeat(MAX_URL))), Err(Blocked::NoAddress));
    // What the installation lists may be without https, at any port, by its number.
    for listed in ["http://files.intranet:9000/x", "http://10.1.2.3:81/x"] {
        assert_eq!(admit(listed), Ok(listed.to_owned()));
    }
    assert_eq!(admit("http://10.2.0.1/x"), Err(Blocked::Scheme));
    assert_eq!(admit("ftp://files.intranet/x"), Err(Blocked::Scheme));
    assert!(asked("http://example.com/", true).is_ok());
    assert_eq!(asked("http://example.com:8080/", true), Err(Blocked::Port));
}
