//! A link is worth exactly what it was signed for.

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn links() -> Links {
    Links::new(&[7; 32], "https://chat.example", 60)
}

fn sent(room: &str) -> SentAt {
    SentAt { company: CompanyNo(3), room: RoomId::new(room).unwrap(), seq: 12 }
}

fn secret(link: &Link) -> &str {
    link.url.strip_prefix("https://chat.example/v1/sent-files/").unwrap()
}

#[test]
fn a_link_says_what_it_is_for_until_its_end() {
    for room in ["web-1", "x", &"ü".repeat(RoomId::MAX_BYTES / 2)] {
        let link = links().make(&sent(room), NOW);
        assert_eq!(links().read(secret(&link), NOW), Some(LeadsTo::Event(sent(room))));
        assert_eq!(link.expires_at, Timestamp(NOW.0 + 60_000_000));
        assert_eq!(links().read(secret(&link), Timestamp(link.expires_at.0 - 1)), Some(LeadsTo::Event(sent(room))));
        assert_eq!(links().read(secret(&link), link.expires_at), None);
    }
    assert!(Links::new(&[7; 32], "", 60).make(&sent("web-1"), NOW).url.starts_with("/v1/sent-files/"));
}

#[test]
fn what_was_changed_anywhere_is_no_link() {
    let link = links().make(&sent("web-1"), NOW);
    let good = BASE64URL_NOPAD.decode(secret(&link).as_bytes()).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert_eq!(links().read(&BASE64URL_NOPAD.encode(&bad), NOW), None, "byte {at}, bit {bit}");
        }
    }
    for length in 0..good.len() {
        assert_eq!(links().read(&BASE64URL_NOPAD.encode(&good[..length]), NOW), None, "{length} bytes");
    }
    for bad in ["", "=", "a b", &"A".repeat(MAX_TEXT + 1), &format!("{}=", secret(&link))] {
        assert_eq!(links().read(bad, NOW), None, "{bad}");
    }
    assert_eq!(Links::new(&[8; 32], "", 60).read(secret(&link), NOW), None, "another installation's");
}

#[test]
fn a_link_to_a_version_names_the_call_that_sent_it() {
    let offered = Offered {
        company: CompanyNo(3),
        room: RoomId::new("wa-1-62812").unwrap(),
        call_id: CallId::new(&"c".repeat(CallId::MAX_BYTES)).unwrap(),
        key: FileKey::new("film").unwrap(),
        version: 2,
    };
    let link = links().offer(&offered, "https://elsewhere.example", NOW);
    assert_eq!(links().read(secret(&link), NOW), Some(LeadsTo::Version(offered.clone())));
    assert_eq!(links().read(secret(&link), link.expires_at), None);
    let bare = Links::new(&[7; 32], "", 60).offer(&offered, "https://elsewhere.example", NOW);
    assert!(bare.url.starts_with("https://elsewhere.example/v1/sent-files/"), "{}", bare.url);
    let good = BASE64URL_NOPAD.decode(secret(&link).as_bytes()).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(links().read(&BASE64URL_NOPAD.encode(&bad), NOW), None, "byte {at}");
    }
}
