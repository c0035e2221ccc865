//! Waiting, over real sockets and the real clock: what a 429, a refused token and a silent server do to who waits, and what they
//! do not do to others.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::actors::SystemClock;
use crate::actors::outside::{Errand, LineView, Stage};
use crate::actors::ports::Clock;
use crate::room::outbox::Limit;
use crate::room::{CallKey, CompanyNo};

use super::super::{Budget, Class, Outbound, Reply, Request};
use super::bucket::excess;
use super::peer::{COMPANY, Deed, FAST, Peer, SILENCE, answer, json};

const OTHER: CompanyNo = CompanyNo(2);
/// Short beside the shortest of the waits here (5 s).
const MOMENT: Duration = Duration::from_millis(300);
/// For what happens as soon as the machine has time for it.
const LONGEST: Duration = Duration::from_secs(30);

async fn is_stuck(out: &Outbound, company: CompanyNo, host: &str, class: Class) -> bool {
    tokio::time::timeout(MOMENT, out.slot(company, host, class)).await.is_err()
}

/// Whether `free` need not wait for what `stuck` waits for.
async fn passes<A, B>(free: impl Future<Output = A>, stuck: impl Future<Output = B>) -> bool {
    tokio::select! { biased; _ = free => true, _ = stuck => false }
}

fn circuit(view: &LineView, class: Class) -> &'static str {
    view.circuits.iter().find(|circuit| circuit.class == class.as_str()).map_or("unknown", |circuit| circuit.state)
}

#[tokio::test]
async fn a_429_is_waited_for() {
    let later = answer(429, "content-type: text/html\r\nretry-after: 1\r\n", b"<h1>slow down</h1>");
    let peer = Peer::start(vec![Deed::Say(later), Deed::Say(json(200, "{}"))]).await;
    let out = Outbound::new().unwrap();
    let begun = Instant::now();
    let Reply::Answered(got) = peer.hear(&out).await else { panic!("no answer") };
    assert_eq!((got.status, got.retry_after_ms), (429, Some(1_000)));
    let view = out.view(COMPANY);
    assert_eq!((view.throttled, view.bucket_level), (1, 0.0));
    assert!(matches!(peer.hear(&out).await, Reply::Answered(got) if got.status == 200));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_refused_token_holds_the_company_back_until_it_changes() {
    let peer = Peer::start(vec![Deed::Say(json(401, "{}")), Deed::Say(json(200, "{}"))]).await;
    let out = Outbound::new().unwrap();
    assert_eq!(out.view(COMPANY).token, "untried");
    peer.hear(&out).await;
    assert_eq!(out.view(COMPANY).token, "refused");
    assert!(is_stuck(&out, COMPANY, &peer.host, Class::Write).await);
    assert!(is_stuck(&out, COMPANY, &peer.host, Class::Read).await);
    out.set_budget(OTHER, &peer.host, FAST);
    let slot = |company: CompanyNo, class: Class| out.slot(company, &peer.host, class);
    assert!(passes(slot(COMPANY, Class::Token), slot(COMPANY, Class::Write)).await, "or it could never be mended");
    assert!(passes(slot(OTHER, Class::Write), slot(COMPANY, Class::Write)).await, "another company's token is another token");
    let waiting = tokio::spawn({
        let (out, host) = (out.clone(), peer.host.clone());
        async move { out.slot(COMPANY, &host, Class::Write).await }
    });
    while out.view(COMPANY).waiting == 0 {
        tokio::task::yield_now().await;
    }
    out.credentials_refused(OTHER, &peer.host);
    out.credentials_changed(COMPANY, &peer.host);
    let slot = tokio::select! {
        biased;
        slot = waiting => slot.unwrap(),
        _ = slot(OTHER, Class::Write) => panic!("a change is felt at once"),
    };
    out.send(slot, peer.request(true)).await;
    assert_eq!(out.view(COMPANY).token, "valid");
    out.credentials_refused(COMPANY, &peer.host);
    assert!(is_stuck(&out, COMPANY, &peer.host, Class::Write).await);
}

#[tokio::test]
async fn a_silent_server_is_given_a_rest_by_its_company_alone() {
    let (silent, well) = (Peer::start(vec![SILENCE]).await, Peer::start(vec![Deed::Say(json(200, "{}"))]).await);
    let out = Outbound::new().unwrap();
    out.set_budget(COMPANY, &well.host, FAST);
    for _ in 0..5 {
        assert_eq!(circuit(&out.view(COMPANY), Class::Write).replace("unknown", "closed"), "closed");
        silent.hear_within(&out, Duration::from_millis(30)).await;
    }
    let view = out.view(COMPANY);
    assert_eq!(circuit(&view, Class::Write), "open");
    assert!(view.circuits.iter().any(|circuit| circuit.probe_at.is_some()));
    assert!(is_stuck(&out, COMPANY, &silent.host, Class::Write).await);
    out.set_budget(OTHER, &silent.host, FAST);
    for (company, host, class, what) in [
        (COMPANY, &silent.host, Class::Read, "another class"),
        (COMPANY, &well.host, Class::Write, "another host"),
        (OTHER, &silent.host, Class::Write, "another company"),
    ] {
        let stuck = out.slot(COMPANY, &silent.host, Class::Write);
        assert!(passes(out.slot(company, host, class), stuck).await, "{what}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_given_a_rest_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (out, peer) = (Outbound::new().unwrap(), Peer::start(vec![SILENCE]).await);
    out.set_budget(COMPANY, &host, FAST);
    for _ in 0..5 {
        let slot = out.slot(COMPANY, &host, Class::Write).await;
        out.send(slot, Request { url: host.clone(), ..peer.request(true) }).await;
    }
    assert_eq!(circuit(&out.view(COMPANY), Class::Write), "open");
}

#[tokio::test]
async fn a_host_that_the_company_left_is_not_how_things_stand() {
    let (former, now) =
        (Peer::start(vec![Deed::Say(json(401, "{}"))]).await, Peer::start(vec![Deed::Say(json(200, "{}"))]).await);
    let out = Outbound::new().unwrap();
    former.hear(&out).await;
    for _ in 0..5 {
        out.said_inside(COMPANY, &former.host, Class::Write, 503, None);
    }
    let view = out.view(COMPANY);
    assert_eq!((circuit(&view, Class::Write), view.token), ("open", "refused"));
    now.hear(&out).await;
    let view = out.view(COMPANY);
    assert_eq!((circuit(&view, Class::Write), view.token), ("closed", "valid"));
    assert_eq!(view.attempts.values().sum::<u64>(), 2);
}

#[tokio::test]
async fn an_inner_429_slows_as_an_outer_one() {
    let out = Outbound::new().unwrap();
    let host = "http://127.0.0.1:9";
    out.set_budget(COMPANY, host, FAST);
    out.said_inside(COMPANY, host, Class::Write, 429, Some(60_000));
    assert!(is_stuck(&out, COMPANY, host, Class::Write).await);
    assert_eq!(out.view(COMPANY).throttled, 1);
}

#[tokio::test]
async fn a_dropped_slot_and_a_dropped_attempt_leave_nothing_behind() {
    let peer = Peer::start(vec![SILENCE]).await;
    let out = Outbound::new().unwrap();
    out.set_budget(COMPANY, &peer.host, Budget { per_second: 1_000.0, per_minute: 60_000.0, burst: 1 });
    for _ in 0..20 {
        drop(out.slot(COMPANY, &peer.host, Class::Write).await);
        let slot = out.slot(COMPANY, &peer.host, Class::Write).await;
        let attempt = out.send(slot, peer.request(true));
        assert!(tokio::time::timeout(Duration::from_millis(5), attempt).await.is_err());
        let waiting = out.slot(COMPANY, &peer.host, Class::Write);
        let _ = tokio::time::timeout(Duration::ZERO, waiting).await;
    }
    let view = out.view(COMPANY);
    assert_eq!((view.waiting, view.oldest_waiting_ms, circuit(&view, Class::Write)), (0, 0, "closed"));
    let full = async {
        while out.view(COMPANY).bucket_level < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LONGEST, full).await.is_ok(), "something is still held");
}

/// Many wait at once: in their order, at the rate, and seen to wait.
#[tokio::test]
async fn who_waits_is_served_in_order_and_at_the_rate() {
    let out = Outbound::new().unwrap();
    let host = "http://127.0.0.1:9";
    let budget = Budget { per_second: 50.0, per_minute: 3_000.0, burst: 2 };
    out.set_budget(COMPANY, host, budget);
    let begun = Instant::now();
    let served = Arc::new(Mutex::new(vec![]));
    let (mut tasks, mut most_waiting) = (vec![], 0);
    for n in 0..60_usize {
        let (asked, log) = (out.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let slot = asked.slot(COMPANY, host, if n % 3 == 0 { Class::Read } else { Class::Write }).await;
            log.lock().unwrap().push((n, begun.elapsed().as_micros() as i64));
            assert!(slot.depart().is_ok());
        }));
        while out.view(COMPANY).waiting + served.lock().unwrap().len() as u64 <= n as u64 {
            tokio::task::yield_now().await;
        }
        most_waiting = most_waiting.max(out.view(COMPANY).waiting);
    }
    assert!(most_waiting > 5, "{most_waiting}");
    for task in tasks {
        task.await.unwrap();
    }
    let served = served.lock().unwrap();
    let order: Vec<usize> = served.iter().map(|(n, _)| *n).collect();
    assert_eq!(order, (0..60).collect::<Vec<_>>());
    let times: Vec<i64> = served.iter().map(|(_, at)| *at).collect();
    assert!(excess(&times, budget, 50_000) <= 0.0, "{times:?}");
    // That the rate is used to the full is shown where time is imagined (`bucket`); here, that nobody is forgotten.
    assert!(times[59] < LONGEST.as_micros() as i64, "60 at 50 a second took {} us", times[59]);
}

/// Whatever was awaited since a part was marked may have been long, and whoever took the rooms over may have sent it by now.
#[tokio::test]
async fn what_is_too_late_is_not_sent_and_not_waited_for() {
    let peer = Peer::start(vec![Deed::Say(json(200, "{}"))]).await;
    let out = Outbound::new().unwrap();
    out.set_budget(COMPANY, &peer.host, FAST);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let now = clock.now();
    let errand =
        |until| Errand::new(Stage::UnderWay, (now, CallKey([0; 16])), Limit { begin_by: until, until }, Arc::clone(&clock));
    let slot = out.slot(COMPANY, &peer.host, Class::Write).await;
    let late = errand(now).run(out.send(slot, peer.request(true))).await;
    assert!(matches!(late, Reply::NotSent { .. }), "{late:?}");
    for _ in 0..5 {
        out.said_inside(COMPANY, &peer.host, Class::Write, 503, None);
    }
    let begun = Instant::now();
    let slot = errand(now.plus_ms(300)).run(out.slot(COMPANY, &peer.host, Class::Write)).await;
    assert!(slot.is_void() && begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(matches!(out.send(slot, peer.request(true)).await, Reply::NotSent { .. }));
    assert_eq!((peer.seen(), out.view(COMPANY).waiting), (0, 0));
}

#[test]
fn what_is_handed_to_other_threads_may_be() {
    fn sendable<T: Send + 'static>(_: &T) {}
    let out = Outbound::new().unwrap();
    let moved = out.clone();
    let job = async move {
        let slot = moved.slot(COMPANY, "http://127.0.0.1:9", Class::Read).await;
        sendable(&slot);
        let timeout = Duration::from_secs(1);
        let request = Request { method: "GET", url: String::new(), headers: vec![], body: None, timeout, writes: false };
        moved.send(slot, request).await
    };
    sendable(&job);
}
