//! Against a clamd made by hand, on a real socket.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::net::{TcpListener, UnixListener};

use super::*;

/// Answers one connection with `answer`, after it heard the whole stream; what it heard.
async fn hears(mut socket: impl AsyncRead + AsyncWrite + Unpin, answer: &'static [u8], heard: Arc<Mutex<Vec<u8>>>) {
    let mut command = [0; 10];
    socket.read_exact(&mut command).await.unwrap();
    assert_eq!(&command, b"zINSTREAM\0");
    loop {
        let length = socket.read_u32().await.unwrap() as usize;
        if length == 0 {
            break;
        }
        let mut piece = vec![0; length];
        socket.read_exact(&mut piece).await.unwrap();
        heard.lock().unwrap().extend(piece);
    }
    socket.write_all(answer).await.unwrap();
}

fn pieces() -> Pieces {
    let parts = [&b"first "[..], b"", b"second"].map(|part| Ok(Bytes::from_static(part)));
    Box::pin(futures_util::stream::iter(parts))
}

async fn told(answer: &'static [u8]) -> (Verdict, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let heard = Arc::new(Mutex::new(vec![]));
    let scanner = tokio::spawn({
        let heard = heard.clone();
        async move { hears(listener.accept().await.unwrap().0, answer, heard).await }
    });
    let verdict = Clamd(address).scan(pieces()).await;
    scanner.await.unwrap();
    let heard = heard.lock().unwrap().clone();
    (verdict, heard)
}

#[tokio::test]
async fn a_verdict_is_read_as_it_is_said() {
    assert_eq!(told(b"stream: OK\0").await, (Verdict::Clean, b"first second".to_vec()));
    assert_eq!(told(b"stream: Eicar-Test-Signature FOUND\0").await.0, Verdict::Infected("Eicar-Test-Signature".into()));
    assert_eq!(told(b"INSTREAM size limit exceeded. ERROR\0").await.0, Verdict::TooLarge);
    assert_eq!(told(b"stream: Can't allocate memory ERROR\0").await.0, Verdict::Error("Can't allocate memory ERROR".into()));
    assert!(matches!(told(b"").await.0, Verdict::Error(_)), "no verdict is none");
    assert!(matches!(told(b"stream: OKAY\0").await.0, Verdict::Error(_)));
}

#[tokio::test]
async fn nobody_there_is_no_verdict() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(matches!(Clamd(ScanAddress::Tcp(gone.to_string())).scan(pieces()).await, Verdict::Error(_)));
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let address: ScanAddress = format!("unix:{}", path.display()).parse().unwrap();
    assert_eq!(address.to_string(), format!("unix:{}", path.display()));
    tokio::spawn(async move { hears(listener.accept().await.unwrap().0, b"stream: OK\0", Arc::default()).await });
    assert_eq!(Clamd(address).scan(pieces()).await, Verdict::Clean);
}

#[test]
fn addresses() {
    assert_eq!("tcp://clamd:3310".parse(), Ok(ScanAddress::Tcp("clamd:3310".into())));
    for bad in ["", "on", "tcp://clamd", "tcp://:3310", "tcp://clamd:x", "unix:relative", "http://clamd:3310"] {
        assert!(bad.parse::<ScanAddress>().is_err(), "{bad}");
    }
}
