//! The server: reads requests, writes down when their first bytes arrived, answers. Company 0 may be ill. One task a connection,
//! nothing shared between companies but the clock.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How company 0 is answered.
#[derive(Clone, Copy)]
pub enum Mood {
    Well,
    Silent,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

pub struct Receiver {
    /// scheme://host:port of each company: each has a server of its own.
    pub hosts: Vec<String>,
    begun: Instant,
    arrivals: Vec<Arc<Mutex<Vec<i64>>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Receiver {
    pub async fn start(companies: usize, mood: Mood) -> Self {
        let begun = Instant::now();
        let (mut hosts, mut arrivals, mut tasks) = (vec![], vec![], vec![]);
        for number in 0..companies {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            hosts.push(format!("http://{}", listener.local_addr().unwrap()));
            let book = Arc::new(Mutex::new(vec![]));
            arrivals.push(Arc::clone(&book));
            let mood = if number == 0 { mood } else { Mood::Well };
            tasks.push(tokio::spawn(async move {
                // Ends with its listener; its connections end with their clients.
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, begun, Arc::clone(&book), mood));
                }
            }));
        }
        Self { hosts, begun, arrivals, tasks }
    }

    /// Microseconds since the receiver began, of every request of this company, in order.
    pub fn arrivals(&self, company: usize) -> Vec<i64> {
        let mut times = self.arrivals[company].lock().unwrap().clone();
        times.sort_unstable();
        times
    }

    pub fn begun(&self) -> Instant {
        self.begun
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn serve(mut stream: TcpStream, begun: Instant, book: Arc<Mutex<Vec<i64>>>, mood: Mood) {
    let _ = stream.set_nodelay(true);
    let mut all: Vec<u8> = vec![];
    let mut chunk = [0; 4_096];
    loop {
        let mut arrived = None;
        // Requests here are `POST` with the body `{}`.
        while !all.ends_with(b"\r\n\r\n{}") {
            let Ok(n @ 1..) = stream.read(&mut chunk).await else { return };
            arrived.get_or_insert_with(|| begun.elapsed().as_micros() as i64);
            all.extend_from_slice(&chunk[..n]);
        }
        all.clear();
        if let Some(at) = arrived {
            book.lock().unwrap().push(at);
        }
        match mood {
            Mood::Well => {}
            Mood::Silent => std::future::pending().await,
        }
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
