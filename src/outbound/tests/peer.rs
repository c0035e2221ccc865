//! A server of a few lines on a loopback socket, that does to each connection what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::actors::outside::Secret;
use crate::room::CompanyNo;

use super::super::{Body, Budget, Class, Outbound, Reply, Request};

pub const COMPANY: CompanyNo = CompanyNo(1);
/// Must never be seen but on the wire.
pub const CANARY: &str = "canary-5f0c1e7a";

/// What is done to one connection; the last deed is done to all that follow.
#[derive(Clone)]
pub enum Deed {
    /// Reads the request, says these bytes, closes.
    Say(Vec<u8>),
    /// Reads the request, says these bytes, then resets.
    SayAndReset(Vec<u8>),
    /// Reads the request, says these bytes and nothing more.
    SayAndHold(Vec<u8>),
    /// Resets without reading.
    Reset,
}

/// Reads the request and never answers.
pub const SILENCE: Deed = Deed::SayAndHold(vec![]);

pub struct Peer {
    pub host: String,
    seen: Arc<AtomicUsize>,
}

impl Peer {
    pub async fn start(deeds: Vec<Deed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(treat(stream, deeds[number.min(deeds.len() - 1)].clone()));
            }
        });
        Self { host, seen }
    }

    /// Connections so far.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    pub fn request(&self, writes: bool) -> Request {
        Request {
            method: if writes { "POST" } else { "GET" },
            url: format!("{}/deals?q={CANARY}", self.host),
            headers: vec![("authorization", Secret::new(format!("Bearer {CANARY}")))],
            body: writes.then(|| Body::Bytes("application/json", format!("{{\"note\":\"{CANARY}\"}}").into_bytes())),
            timeout: Duration::from_secs(30),
            writes,
        }
    }

    /// One write, with a pace that holds nothing up.
    pub async fn hear(&self, out: &Outbound) -> Reply {
        self.hear_within(out, Duration::from_secs(30)).await
    }

    pub async fn hear_within(&self, out: &Outbound, timeout: Duration) -> Reply {
        out.set_budget(COMPANY, &self.host, FAST);
        let slot = out.slot(COMPANY, &self.host, Class::Write).await;
        out.send(slot, Request { timeout, ..self.request(true) }).await
    }
}

pub const FAST: Budget = Budget { per_second: 1_000.0, per_minute: 60_000.0, burst: 10 };

async fn treat(mut stream: TcpStream, deed: Deed) {
    match deed {
        Deed::Say(bytes) => {
            read(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Deed::SayAndReset(bytes) => {
            read(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            stream.set_zero_linger().unwrap();
        }
        Deed::Reset => stream.set_zero_linger().unwrap(),
        Deed::SayAndHold(bytes) => {
            read(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
    }
}

/// The request as it came, head and body; what is sent in here ends with `}` or with the head.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut chunk) = (vec![], [0; 4_096]);
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        all.extend_from_slice(&chunk[..n]);
        if all.ends_with(b"}") || (all.starts_with(b"GET") && all.ends_with(b"\r\n\r\n")) {
            break;
        }
    }
    all
}

/// An answer as bytes, with these lines in its head.
pub fn answer(status: u16, head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn json(status: u16, body: &str) -> Vec<u8> {
    answer(status, "content-type: application/json\r\n", body.as_bytes())
}
