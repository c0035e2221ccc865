//! The companies: each wants to send so many requests a second, whether the earlier ones are through or not, as lanes of rooms do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop::outbound::{Budget, Class, Outbound, Reply, Request};
use bellhop::room::CompanyNo;

use super::receiver::Receiver;

#[derive(Clone, Copy)]
pub struct Load {
    pub seconds: f64,
    /// Requests a second of each company.
    pub offered: f64,
}

/// Runs for the load's time. What still waits then is given up.
pub async fn run(out: &Outbound, receiver: &Receiver, companies: usize, budget: Budget, load: Load) {
    let end = receiver.begun() + Duration::from_secs_f64(load.seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..companies {
        let company = CompanyNo(number as i64);
        let host: Arc<str> = receiver.hosts[number].as_str().into();
        out.set_budget(company, &host, budget);
        let (out, gap) = (out.clone(), Duration::from_secs_f64(1.0 / load.offered));
        tasks.spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            // Not all in the same instant, but for what they may send this changes nothing.
            let mut next = Instant::now() + gap.mul_f64(number as f64 / companies as f64);
            while next < end {
                tokio::time::sleep_until(next.into()).await;
                calls.spawn(one(out.clone(), company, Arc::clone(&host)));
                next += gap;
            }
            tokio::time::sleep_until(end.into()).await;
            calls.shutdown().await;
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn one(out: Outbound, company: CompanyNo, host: Arc<str>) {
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
    assert!(matches!(&reply, Reply::Answered(answer) if answer.status == 200), "{reply:?}");
}
