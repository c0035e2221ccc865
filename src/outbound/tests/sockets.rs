//! What one attempt is said to be, over real loopback sockets.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::outcome::{Inner, Outcome, sort};
use super::super::{Class, MOST_BODY, Outbound, Reply, Request};
use super::peer::{CANARY, COMPANY, Deed, FAST, Peer, SILENCE, answer, json};

fn out() -> Outbound {
    Outbound::new().unwrap()
}

fn why_lost(reply: Reply) -> String {
    match reply {
        Reply::Lost { why } => why,
        other => panic!("{other:?} is not lost"),
    }
}

/// A port on which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let peer = Peer::start(vec![Deed::Say(json(200, "{\"meta\":{\"status\":200}}"))]).await;
    let Reply::Answered(got) = peer.hear(&out()).await else { panic!("no answer") };
    assert_eq!((got.status, got.content_type.as_str(), got.retry_after_ms), (200, "application/json", None));
    assert_eq!(got.body, b"{\"meta\":{\"status\":200}}");
}

#[tokio::test]
async fn a_200_may_carry_a_422() {
    let peer = Peer::start(vec![Deed::Say(json(200, "{\"meta\":{\"status\":422}}"))]).await;
    let reply = peer.hear(&out()).await;
    let read = |body: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        Inner::Status(value["meta"]["status"].as_u64().unwrap() as u16)
    };
    assert!(matches!(sort(reply, true, read), Outcome::Refused { status: 422, .. }));
}

#[tokio::test]
async fn nobody_there_is_not_sent() {
    let (out, host) = (out(), nobody().await);
    out.set_budget(COMPANY, &host, FAST);
    let slot = out.slot(COMPANY, &host, Class::Write).await;
    let request = Request {
        method: "POST",
        url: format!("{host}/x"),
        headers: vec![],
        body: None,
        timeout: Duration::from_secs(5),
        writes: true,
    };
    let reply = out.send(slot, request).await;
    let Reply::NotSent { why } = reply else { panic!("{reply:?}") };
    assert!(why.contains("refused"), "{why}");
    assert_eq!(out.view(COMPANY).attempts.get("not_done"), Some(&1));
}

#[tokio::test]
async fn no_such_name_is_not_sent() {
    let (out, host) = (out(), "http://no-such-host.invalid");
    out.set_budget(COMPANY, host, FAST);
    let slot = out.slot(COMPANY, host, Class::Write).await;
    let request = Request {
        method: "POST",
        url: format!("{host}/x"),
        headers: vec![],
        body: None,
        timeout: Duration::from_secs(20),
        writes: true,
    };
    let reply = out.send(slot, request).await;
    assert!(matches!(reply, Reply::NotSent { .. }), "{reply:?}");
}

#[tokio::test]
async fn no_tls_is_not_sent() {
    let peer = Peer::start(vec![Deed::Reset]).await;
    let (out, host) = (out(), peer.host.replace("http://", "https://"));
    out.set_budget(COMPANY, &host, FAST);
    let slot = out.slot(COMPANY, &host, Class::Write).await;
    let reply = out.send(slot, Request { url: format!("{host}/x"), ..peer.request(true) }).await;
    assert!(matches!(reply, Reply::NotSent { .. }), "{reply:?}");
}

#[tokio::test]
async fn a_reset_is_lost_wherever_it_comes() {
    for deed in [
        Deed::Reset,
        Deed::SayAndReset(vec![]),
        Deed::SayAndReset(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Deed::SayAndReset(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"id\"".to_vec()),
        Deed::Say(b"this is not HTTP\r\n\r\n".to_vec()),
        Deed::Say(vec![]),
    ] {
        let peer = Peer::start(vec![deed]).await;
        why_lost(peer.hear(&out()).await);
        assert_eq!(peer.seen(), 1, "sent once and not again");
    }
}

#[tokio::test]
async fn silence_is_lost_when_its_time_is_over() {
    let peer = Peer::start(vec![SILENCE]).await;
    let why = why_lost(peer.hear_within(&out(), Duration::from_millis(80)).await);
    assert!(why.contains("timed out"), "{why}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_lost_when_its_time_is_over() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{".to_vec();
    let (out, peer) = (out(), Peer::start(vec![Deed::SayAndHold(head)]).await);
    let mut why = String::new();
    // Longer where the machine is too busy for its beginning to be there by then.
    for patience_ms in [80, 1_000, 10_000] {
        why = why_lost(peer.hear_within(&out, Duration::from_millis(patience_ms)).await);
        if why.contains("200") {
            break;
        }
    }
    assert!(why.contains("timed out") && why.contains("200"), "{why}");
}

#[tokio::test]
async fn a_page_of_html_is_an_answer_that_leaves_things_open() {
    for status in [502, 200] {
        let page = answer(status, "content-type: text/html\r\n", b"<h1>Bad gateway</h1>");
        let peer = Peer::start(vec![Deed::Say(page)]).await;
        let out = out();
        let reply = peer.hear(&out).await;
        assert!(matches!(sort(reply, true, |_| Inner::Complete), Outcome::Ambiguous { .. }), "{status}");
        assert_eq!(out.view(COMPANY).attempts.get("ambiguous"), Some(&1));
    }
}

#[tokio::test]
async fn two_megabytes_are_not_read() {
    let long = vec![b' '; 2 * MOST_BODY];
    let chunked = || {
        let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        bytes.extend(format!("{:x}\r\n", long.len()).into_bytes());
        bytes.extend(&long);
        bytes.extend(b"\r\n0\r\n\r\n");
        bytes
    };
    for said in [answer(200, "content-type: application/json\r\n", &long), chunked()] {
        let peer = Peer::start(vec![Deed::Say(said)]).await;
        let why = why_lost(peer.hear(&out()).await);
        assert!(why.contains("more than 1048576 bytes"), "{why}");
    }
    let most = answer(200, "content-type: application/json\r\n", &long[..MOST_BODY]);
    let peer = Peer::start(vec![Deed::Say(most)]).await;
    assert!(matches!(peer.hear(&out()).await, Reply::Answered(got) if got.body.len() == MOST_BODY));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let thief = Peer::start(vec![Deed::Say(json(200, "{}"))]).await;
    for status in [301, 302, 307, 308] {
        let away = answer(status, &format!("location: {}/deals\r\n", thief.host), b"");
        let peer = Peer::start(vec![Deed::Say(away)]).await;
        assert!(matches!(peer.hear(&out()).await, Reply::Answered(got) if got.status == status));
    }
    assert_eq!(thief.seen(), 0);
}

#[tokio::test]
async fn a_slot_is_good_for_its_own_host_only() {
    let (home, thief) =
        (Peer::start(vec![Deed::Say(json(200, "{}"))]).await, Peer::start(vec![Deed::Say(json(200, "{}"))]).await);
    let out = out();
    out.set_budget(COMPANY, &home.host, FAST);
    let slot = out.slot(COMPANY, &home.host, Class::Write).await;
    assert!(matches!(out.send(slot, thief.request(true)).await, Reply::NotSent { .. }));
    for bad in ["ftp:x", "", "http://", "/deals"] {
        let slot = out.slot(COMPANY, &home.host, Class::Write).await;
        let reply = out.send(slot, Request { url: bad.into(), ..home.request(true) }).await;
        assert!(matches!(reply, Reply::NotSent { .. }), "{bad}");
    }
    let slot = out.slot(COMPANY, &home.host, Class::Write).await;
    let headers = vec![("authorization", crate::actors::outside::Secret::new(format!("{CANARY}\r\nx: y")))];
    let reply = out.send(slot, Request { headers, ..home.request(true) }).await;
    assert!(matches!(&reply, Reply::NotSent { why } if !why.contains(CANARY)), "{reply:?}");
    assert_eq!((home.seen(), thief.seen()), (0, 0));
}

/// Everything that was logged.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_token_is_seen_nowhere_but_on_the_wire() {
    let page = Page::default();
    let writer = page.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    // With only one log in the process, whether a line is worth making is asked of the thread that comes by first, and that one
    // may be another test's.
    let another = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(log);
    let out = out();
    let mut said = String::new();
    for deed in [Deed::Say(json(200, "{}")), Deed::Say(json(401, "{}")), Deed::Reset, SILENCE] {
        let peer = Peer::start(vec![deed]).await;
        said += &format!("{:?}", peer.request(true));
        said += &format!("{:?}", peer.hear_within(&out, Duration::from_millis(80)).await);
    }
    let (host, peer) = (nobody().await, Peer::start(vec![SILENCE]).await);
    let slot = out.slot(COMPANY, &host, Class::Write).await;
    said += &format!("{slot:?}");
    said += &format!("{:?}", out.send(slot, Request { url: format!("{host}/?q={CANARY}"), ..peer.request(true) }).await);
    drop((guard, another));
    let logged = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("outbound.attempt") && logged.contains("outcome=\"ambiguous\""), "{logged}");
    assert!(!logged.contains(CANARY) && !said.contains(CANARY), "{said}\n{logged}");
    assert!(!logged.contains("/deals") && !said.contains("/deals"), "{said}\n{logged}");
}
