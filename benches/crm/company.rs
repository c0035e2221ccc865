//! The companies: each wants to send so many calls a second, whether the earlier ones are through or not, as lanes of rooms do.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bellhop::outbound::{Budget, Class, Outbound, Reply, Request};
use bellhop::room::CompanyNo;

use super::receiver::Receiver;

#[derive(Clone, Copy)]
pub struct Load {
    pub seconds: f64,
    /// Calls a second of each company.
    pub offered: f64,
    /// A company whose times do not count, and the calls a second that it offers.
    pub sick: Option<(usize, f64)>,
}

/// Buckets start empty: what was wished for in the first second waits for that and says nothing.
const WARM_UP: Duration = Duration::from_secs(1);

/// Runs for the load's time and answers with the milliseconds from wish to answer of the calls that ended in it, of all companies
/// but the sick one. What still waits then is given up.
pub async fn run(out: &Outbound, receiver: &Receiver, companies: usize, budget: Budget, load: Load) -> Vec<f64> {
    let counted_from = receiver.begun() + WARM_UP;
    let end = receiver.begun() + Duration::from_secs_f64(load.seconds);
    let took = Arc::new(Mutex::new(vec![]));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..companies {
        let company = CompanyNo(number as i64);
        let host: Arc<str> = receiver.hosts[number].as_str().into();
        out.set_budget(company, &host, budget);
        let sick = load.sick.filter(|(sick, _)| *sick == number);
        let (out, book) = (out.clone(), sick.is_none().then(|| Arc::clone(&took)));
        let gap = Duration::from_secs_f64(1.0 / sick.map_or(load.offered, |(_, offered)| offered));
        tasks.spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            // Not all in the same instant, but for what they may send this changes nothing.
            let mut next = Instant::now() + gap.mul_f64(number as f64 / companies as f64);
            while next < end {
                tokio::time::sleep_until(next.into()).await;
                let book = book.clone().filter(|_| next >= counted_from);
                calls.spawn(one(out.clone(), company, Arc::clone(&host), book, next));
                next += gap;
            }
            tokio::time::sleep_until(end.into()).await;
            calls.shutdown().await;
        });
    }
    while tasks.join_next().await.is_some() {}
    let took = took.lock().unwrap();
    took.clone()
}

async fn one(out: Outbound, company: CompanyNo, host: Arc<str>, took: Option<Arc<Mutex<Vec<f64>>>>, wished: Instant) {
    let slot = out.slot(company, &host, Class::Write).await;
    let request = Request {
        method: "POST",
        url: format!("{host}/deals"),
        headers: vec![],
        body: Some(bellhop::outbound::Body::Bytes("application/json", b"{}".to_vec())),
        timeout: Duration::from_secs(10),
        writes: true,
    };
    let reply = out.send(slot, request).await;
    if let Some(took) = took {
        assert!(matches!(&reply, Reply::Answered(answer) if answer.status == 200), "{reply:?}");
        took.lock().unwrap().push(wished.elapsed().as_secs_f64() * 1_000.0);
    }
}
