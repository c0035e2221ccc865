//! A server that is not there, is silent, or falls silent in the middle; and a reader who is slow himself.

use std::io::{Read, Write};
use std::net::TcpListener;

use http_body::Body as _;

use super::*;

/// A server that reads one request's head and says this, a piece every so often; then keeps the line open.
fn says(pieces: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/bucket/key", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut block = [0; 4096];
            let _ = stream.read(&mut block);
            for piece in pieces {
                let _ = stream.write_all(piece.as_bytes());
            }
            std::thread::spawn(move || while stream.read(&mut block).is_ok_and(|read| read > 0) {});
        }
    });
    url
}

const SOON: Duration = Duration::from_millis(300);
/// For what comes as soon as the machine has time for it.
const LONGEST: Duration = Duration::from_secs(30);

/// One that waits so long for the head of an answer, and not long for what comes behind it.
fn waits_for(head: Duration) -> Carrier {
    let mut carrier = Carrier::new().unwrap();
    carrier.times = Times { head, piece: SOON };
    carrier
}

fn get(url: &str) -> http::Request<String> {
    http::Request::get(url).body(String::new()).unwrap()
}

async fn next(body: &mut Coming) -> Option<Result<Bytes, NotCarried>> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

#[tokio::test]
async fn a_silent_server_is_waited_for_only_so_long() {
    let silent = waits_for(SOON).carry(get(&says(&[]))).await;
    assert_eq!(silent.err(), Some(NotCarried::TooSlow));
    let answer = waits_for(LONGEST).carry(get(&says(&["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"]))).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(next(&mut body).await, Some(Ok(Bytes::from("abc"))));
    assert_eq!(next(&mut body).await, Some(Err(NotCarried::TooSlow)));
}

#[tokio::test]
async fn a_slow_reader_is_not_the_server_s_fault() {
    let answer = waits_for(LONGEST).carry(get(&says(&["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"]))).await.unwrap();
    let mut body = answer.into_body();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(next(&mut body).await, Some(Ok(Bytes::from("abc"))));
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn who_is_not_there_got_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = waits_for(LONGEST).carry(get(&format!("http://{nobody}/secret-bucket"))).await.err().unwrap();
    assert!(matches!(told, NotCarried::Unreached(_)), "{told:?}");
    assert!(!told.to_string().contains("secret-bucket"), "{told}");
}
