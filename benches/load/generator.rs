//! The load: keep-alive connections on one thread, each asking again as soon as it is answered (or, at a given rate, when it
//! is due). Every answer is checked; one that is not a success ends the run. Latency at a rate counts from when a call was
//! due, not from when it could be sent.

use std::fs;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::pace::let_go;

pub const TAGS: [&str; 8] = ["vip", "urgent", "refund", "billing", "delay", "loyal", "complaint", "follow-up"];

/// What one generator is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Load {
    pub port: u16,
    pub key: String,
    pub connections: usize,
    pub rooms: usize,
    pub seconds: f64,
    /// Calls a second over all connections; 0: as many as there is an answer for.
    pub rate: f64,
    /// Makes the call ids of this run its own.
    pub run: String,
}

/// What it found.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub rps: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// Share of one core that the generator itself used.
    pub generator_cpu: f64,
}

/// The generator's process: its answer is one line of JSON on standard output.
pub fn generate(load: &str) {
    let load: Load = serde_json::from_str(load).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{}", serde_json::to_string(&runtime.block_on(all(load))).unwrap());
}

async fn all(load: Load) -> Measured {
    let load: &'static Load = Box::leak(Box::new(load));
    let warm = Duration::from_secs_f64((load.seconds / 4.0).min(1.0));
    let begin = Instant::now() + warm;
    let end = begin + Duration::from_secs_f64(load.seconds);
    let (tell, told): (Vec<_>, Vec<_>) = (0..load.connections).map(|_| unbounded_channel()).unzip();
    let each = told.into_iter().enumerate().map(|(n, due)| tokio::task::spawn(one(load, n, due, begin, end)));
    let each: Vec<_> = each.collect();
    if load.rate > 0.0 {
        let_go(load.rate, tell, end);
    }
    tokio::time::sleep_until(begin.into()).await;
    let busy_before = busy();
    tokio::time::sleep_until(end.into()).await;
    let generator_cpu = (busy() - busy_before).as_secs_f64() / load.seconds;
    let mut latencies = histogram();
    for one in each {
        latencies.add(one.await.unwrap()).unwrap();
    }
    let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    Measured { rps: latencies.len() as f64 / load.seconds, p50_us: at(0.5), p99_us: at(0.99), generator_cpu }
}

/// One connection; the latencies, in nanoseconds, of the calls answered between `begin` and `end`.
async fn one(load: &Load, number: usize, mut told: UnboundedReceiver<Instant>, begin: Instant, end: Instant) -> Histogram<u64> {
    let mut latencies = histogram();
    let mut stream = TcpStream::connect(("127.0.0.1", load.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut requests: Vec<Request> = TAGS.iter().map(|tag| Request::new(load, number, tag)).collect();
    let mut buffer = Vec::with_capacity(4_096);
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64 ^ (number as u64 + 1);
    for n in 0_usize.. {
        let due = if load.rate > 0.0 { told.recv().await } else { Some(Instant::now()) };
        let Some(due) = due else { break };
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let request = &mut requests[n % TAGS.len()];
        request.fill((chance >> 33) as usize % load.rooms, n);
        stream.write_all(&request.bytes).await.unwrap();
        answered(&mut stream, &mut buffer).await;
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= begin {
            let taken = u64::try_from(now.duration_since(due).as_nanos()).unwrap();
            latencies.record(taken.clamp(1, HIGHEST)).unwrap();
        }
    }
    latencies
}

/// Reads one whole answer and checks that the call succeeded.
async fn answered(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        let Some(head) = find(buffer, b"\r\n\r\n") else { continue };
        let length = content_length(&buffer[..head]);
        if buffer.len() < head + 4 + length {
            continue;
        }
        let good = buffer.starts_with(b"HTTP/1.1 200") && find(&buffer[head..], br#""status":"succeeded""#).is_some();
        assert!(good, "not a success: {}", String::from_utf8_lossy(buffer));
        return;
    }
}

fn content_length(head: &[u8]) -> usize {
    let mut lines = head.split(|byte| *byte == b'\n');
    let name = b"content-length:";
    let line = lines.find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name)).expect("a length");
    std::str::from_utf8(&line[name.len()..]).unwrap().trim().parse().unwrap()
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

/// A request made once, with room for the numbers that change.
struct Request {
    bytes: Vec<u8>,
    room_at: usize,
    call_at: usize,
}

impl Request {
    fn new(load: &Load, connection: usize, tag: &str) -> Self {
        let call_id = format!("{}-{connection:03}-00000000", load.run);
        let body = format!(
            r#"{{"turn_id":"t7","calls":[{{"call_id":"{call_id}","name":"create_tag","arguments":{{"tags":["{tag}"]}}}}]}}"#
        );
        let head = format!(
            "POST /v1/rooms/room-0000/function-calls HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            load.port,
            load.key,
            body.len()
        );
        let room_at = find(head.as_bytes(), b"room-0000").unwrap() + 5;
        let call_at = head.len() + find(body.as_bytes(), call_id.as_bytes()).unwrap() + call_id.len() - 8;
        Self { bytes: [head.into_bytes(), body.into_bytes()].concat(), room_at, call_at }
    }

    fn fill(&mut self, room: usize, call: usize) {
        write_digits(&mut self.bytes[self.room_at..self.room_at + 4], room);
        write_digits(&mut self.bytes[self.call_at..self.call_at + 8], call);
    }
}

fn write_digits(into: &mut [u8], mut number: usize) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap();
        number /= 10;
    }
}

/// Longest latency that is told apart, in nanoseconds: a minute.
const HIGHEST: u64 = 60_000_000_000;

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST, 3).unwrap()
}

/// Time on a core so far, of all threads of this process.
fn busy() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    Duration::from_nanos(texts.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
}
