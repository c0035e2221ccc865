//! The corpus of addresses, `tests/data/urls.tsv`, asked over real sockets: nobody ever knocks where nobody may, and no answer is
//! too long, too slow or too clever.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const CORPUS: &str = include_str!("../../../tests/data/urls.tsv");
const ACME: CompanyNo = CompanyNo(1);
const MAX_BYTES: u64 = 100_000;

/// Names as a hostile zone would have them.
#[derive(Default)]
struct Names {
    asked: Mutex<HashMap<String, usize>>,
}

impl LookUp for Names {
    fn look_up(&self, host: &str) -> super::super::reach::Found {
        let bare = host.trim_end_matches('.').to_owned();
        let before = {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry(bare.clone()).or_default();
            *count += 1;
            *count - 1
        };
        let found: &[&str] = match bare.as_str() {
            "good.test" => &["127.7.7.7"],
            "loop.test" | "localhost" => &["127.0.0.1"],
            "loop6.test" => &["::1"],
            "mixed.test" => &["127.7.7.7", "127.0.0.1"],
            "mapped.test" => &["::ffff:127.0.0.1"],
            "nat64.test" => &["64:ff9b::7f00:1"],
            "ten.test" => &["10.0.0.1"],
            "metadata.test" => &["169.254.169.254"],
            "zero.test" => &["0.0.0.0"],
            "rebind.test" | "then-loop.test" if before == 0 => &["127.7.7.7"],
            "rebind.test" | "then-loop.test" => &["127.0.0.1"],
            _ => &[],
        };
        let found: Vec<IpAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
        let none = || std::io::Error::other("no such name");
        Box::pin(async move { if found.is_empty() { Err(none()) } else { Ok(found) } })
    }
}

/// A good host, and those at whose doors nobody may knock, all at one port.
struct Hosts {
    port: u16,
    knocks: Arc<AtomicUsize>,
}

impl Hosts {
    async fn up() -> Self {
        let knocks = Arc::new(AtomicUsize::new(0));
        for _ in 0..50 {
            let good = TcpListener::bind("127.7.7.7:0").await.unwrap();
            let port = good.local_addr().unwrap().port();
            let mut doors = vec![];
            for address in ["127.0.0.1", "127.0.0.2", "::1"] {
                doors.push(TcpListener::bind((address, port)).await);
            }
            // A machine without IPv6 has nobody at ::1 either.
            if doors[..2].iter().any(Result::is_err) {
                continue;
            }
            for door in doors.into_iter().flatten() {
                let knocks = knocks.clone();
                tokio::spawn(async move {
                    while let Ok((mut stream, _)) = door.accept().await {
                        knocks.fetch_add(1, Ordering::SeqCst);
                        let _ = head_of(&mut stream).await;
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await;
                    }
                });
            }
            tokio::spawn(async move {
                while let Ok((stream, _)) = good.accept().await {
                    tokio::spawn(serve(stream));
                }
            });
            return Self { port, knocks };
        }
        panic!("no port is free at all addresses");
    }

    fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }
}

/// What was asked.
async fn head_of(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// One answer of the good host, by the path that was asked.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let head = head_of(&mut stream).await?;
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    let path = head.split(' ').nth(1).unwrap_or_default();
    let whole = |body: &[u8], more: &str| {
        [format!("HTTP/1.1 200 OK\r\n{more}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    };
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    if let Some(to) = path.strip_prefix("/to/") {
        return stream.write_all(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
    }
    match path {
        "/ok" => stream.write_all(&whole(b"a file", "Content-Type: text/plain\r\n")).await?,
        "/round" => stream.write_all(b"HTTP/1.1 307 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n").await?,
        "/broken" => stream.write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").await?,
        "/endless" => {
            stream.write_all(endless).await?;
            let block = [&b"2000\r\n"[..], &[b'x'; 0x2000], b"\r\n"].concat();
            loop {
                stream.write_all(&block).await?;
            }
        }
        "/claims-much" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx").await?,
        "/lies-about-its-length" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nlittle").await?,
        "/gzip-bomb" => stream.write_all(&whole(&gzipped_zeros(), "Content-Encoding: gzip\r\n")).await?,
        "/gzip-bomb-unsaid" => stream.write_all(&whole(&gzipped_zeros(), "")).await?,
        "/drip" => {
            stream.write_all(endless).await?;
            loop {
                stream.write_all(b"1\r\nx\r\n").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        "/stalls" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await?;
            std::future::pending::<()>().await;
        }
        "/silent" => std::future::pending().await,
        "/drips-its-head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            for n in 0.. {
                stream.write_all(format!("X-{n}: x\r\n").as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        "/closes" => {}
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await?,
    }
    Ok(())
}

/// The beginning of what unpacks to a gigabyte of zeros.
fn gzipped_zeros() -> Vec<u8> {
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 1_000]].concat()
}

/// As long as anything may take on a busy machine.
fn patient() -> Times {
    let [connect, head, stalled, total] = [30; 4].map(Duration::from_secs);
    Times { connect, head, stalled, total }
}

/// For what never ends by itself.
fn hasty() -> Times {
    let [head, stalled, total] = [500, 500, 1_000].map(Duration::from_millis);
    Times { head, stalled, total, ..patient() }
}

fn fetcher(reach: &str, only_addresses: bool) -> (Fetcher, Arc<Names>) {
    fetcher_with(patient(), reach, only_addresses)
}

fn fetcher_with(times: Times, reach: &str, only_addresses: bool) -> (Fetcher, Arc<Names>) {
    let names = Arc::new(Names::default());
    let mut fetcher = Fetcher::with(reach.parse().unwrap(), names.clone(), times).unwrap();
    fetcher.only_addresses = only_addresses;
    (fetcher, names)
}

async fn outcome(fetcher: &Fetcher, url: &str) -> (&'static str, Result<Vec<u8>, NotFetched>) {
    let wish = Wish { url: url.to_owned(), http: true, hosts: vec![], max_bytes: MAX_BYTES };
    let came = async {
        let mut incoming = fetcher.open(ACME, &wish).await?;
        let mut body = vec![];
        while let Some(piece) = incoming.next().await? {
            body.extend_from_slice(&piece);
        }
        Ok(body)
    };
    let came = came.await;
    let word = match &came {
        Ok(_) => "fetched",
        Err(NotFetched::Blocked(Blocked::Private)) => "address",
        Err(NotFetched::Blocked(_)) => "form",
        Err(NotFetched::Answered(_)) => "answered",
        Err(NotFetched::Redirects) => "redirects",
        Err(NotFetched::Unreachable(_)) => "unreachable",
        Err(NotFetched::TooSlow) => "too_slow",
        Err(NotFetched::Broken(_)) => "broken",
        Err(NotFetched::Compressed) => "compressed",
        Err(NotFetched::TooLarge(_)) => "too_large",
        Err(NotFetched::Busy) => "busy",
    };
    (word, came)
}

fn corpus(port: u16) -> Vec<(String, &'static str)> {
    let lines = CORPUS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let long = "x".repeat(super::super::reach::MAX_URL);
    let row = |line: &'static str| {
        let (url, word) = line.rsplit_once('\t').unwrap_or_else(|| panic!("{line}"));
        (url.replace("{port}", &port.to_string()).replace("{long}", &long), word)
    };
    lines.map(row).collect()
}

#[tokio::test]
async fn nobody_knocks_where_nobody_may() {
    let hosts = Hosts::up().await;
    let corpus = corpus(hosts.port);
    assert!(corpus.len() >= 100, "{}", corpus.len());
    // With every other rule switched off: the address alone decides.
    let (open, _) = fetcher("127.7.7.7/32", true);
    let (hasty, _) = fetcher_with(hasty(), "127.7.7.7/32", true);
    let mut wrong = vec![];
    for (url, expected) in &corpus {
        let (word, came) = outcome(if *expected == "too_slow" { &hasty } else { &open }, url).await;
        if word != *expected || hosts.knocks() > 0 {
            wrong.push(format!("{url}: {word}, not {expected}, {} knocks: {came:?}", hosts.knocks()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // As it is used, with the good host listed by name: nothing that was refused is fetched.
    let (strict, _) = fetcher("good.test, 127.7.7.7", false);
    for (url, expected) in corpus.iter().filter(|(_, expected)| matches!(*expected, "address" | "form")) {
        let (word, came) = outcome(&strict, url).await;
        assert!(matches!(word, "address" | "form"), "{url}: {word}, not {expected}: {came:?}");
    }
    assert_eq!(hosts.knocks(), 0);
    // And those doors can be knocked at.
    let (all, _) = fetcher("0.0.0.0/0", false);
    assert_eq!(
        outcome(&all, &format!("http://loop.test:{}/", hosts.port)).await.0,
        "form",
        "a name is not listed by its address"
    );
    assert_eq!(outcome(&all, &format!("http://0x7f.1:{}/", hosts.port)).await.1, Ok(b"secret".to_vec()));
    assert_eq!(hosts.knocks(), 1);
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_dialled() {
    let hosts = Hosts::up().await;
    let (fetcher, names) = fetcher("127.7.7.7/32", true);
    let rebind = format!("http://rebind.test:{}/ok", hosts.port);
    assert_eq!(outcome(&fetcher, &rebind).await.1, Ok(b"a file".to_vec()));
    assert_eq!(names.asked.lock().unwrap()["rebind.test"], 1, "asked once, and dialled what was answered");
    assert_eq!(outcome(&fetcher, &rebind).await.0, "address");
    assert_eq!(hosts.knocks(), 0);
}

#[tokio::test]
async fn hosts_that_are_allowed_are_all_that_is_asked() {
    let hosts = Hosts::up().await;
    let (fetcher, names) = fetcher("good.test, other.test, 127.7.7.7", false);
    let ask = async |url: String| {
        let wish = Wish { url, http: false, hosts: vec!["Good.test".into()], max_bytes: MAX_BYTES };
        fetcher.open(ACME, &wish).await.map(|incoming| (incoming.mime, incoming.filename))
    };
    let at = |path: &str| format!("http://good.test:{}{path}", hosts.port);
    assert_eq!(ask(at("/ok")).await, Ok(("text/plain".into(), "ok".into())));
    for (url, asked) in [(at("/to/http://other.test/ok"), "other.test"), ("http://other.test/ok".into(), "other.test")] {
        assert_eq!(ask(url).await, Err(Blocked::Host.into()));
        assert!(!names.asked.lock().unwrap().contains_key(asked));
    }
    // Its name in Cyrillic is another host.
    assert_eq!(ask(at("/ok").replace("good", "g\u{43e}od")).await, Err(Blocked::Scheme.into()));
}

#[tokio::test]
async fn a_company_waits_for_its_own_files_alone() {
    let hosts = Hosts::up().await;
    let (fetcher, _) = fetcher("127.7.7.7", true);
    let wish =
        |path: &str| Wish { url: format!("http://good.test:{}{path}", hosts.port), http: true, hosts: vec![], max_bytes: 10 };
    let ok = wish("/ok");
    let mut held = vec![];
    for _ in 0..AT_ONCE.of_one {
        held.push(fetcher.open(ACME, &ok).await.unwrap());
    }
    assert_eq!(fetcher.open(ACME, &ok).await.err(), Some(NotFetched::Busy));
    assert!(fetcher.open(CompanyNo(2), &ok).await.is_ok(), "another company does not");
    held.pop();
    assert!(fetcher.open(ACME, &ok).await.is_ok());
}
