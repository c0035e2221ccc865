//! Asking a virus scanner about a file before it is kept: clamd over TCP or a unix socket, with its INSTREAM command. Off unless
//! set. **Invariant:** only `Clean` lets a file in; a scanner that does not answer is a refusal.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::blobs::Pieces;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Sending all of a file, and waiting for the verdict.
const SCAN_WITHIN: Duration = Duration::from_secs(120);
/// Longer answers are none.
const MAX_ANSWER: u64 = 4 * 1024;

/// What a scanner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    /// The name it gives what it found.
    Infected(String),
    /// It could not look: why.
    Error(String),
    /// More than it is set to look at.
    TooLarge,
}

/// A scanner.
pub trait Scan: Send + Sync {
    fn scan(&self, pieces: Pieces) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>>;
}

/// Where clamd listens: `tcp://host:port` or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanAddress {
    Tcp(String),
    Unix(PathBuf),
}

impl FromStr for ScanAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(place) = text.strip_prefix("tcp://") {
            let sound = place.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            return if sound { Ok(Self::Tcp(place.to_owned())) } else { Err(()) };
        }
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            _ => Err(()),
        }
    }
}

impl fmt::Display for ScanAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(place) => write!(f, "tcp://{place}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// clamd, one connection for each file.
pub struct Clamd(pub ScanAddress);

impl Clamd {
    async fn ask(&self, pieces: Pieces) -> Result<Verdict, String> {
        let late = |_| "it does not answer in time".to_owned();
        let why = |error: std::io::Error| error.to_string();
        match &self.0 {
            ScanAddress::Tcp(place) => {
                let socket = timeout(CONNECT_WITHIN, TcpStream::connect(place)).await.map_err(late)?.map_err(why)?;
                timeout(SCAN_WITHIN, instream(socket, pieces)).await.map_err(late)?
            }
            ScanAddress::Unix(path) => {
                let socket = timeout(CONNECT_WITHIN, UnixStream::connect(path)).await.map_err(late)?.map_err(why)?;
                timeout(SCAN_WITHIN, instream(socket, pieces)).await.map_err(late)?
            }
        }
    }
}

impl Scan for Clamd {
    fn scan(&self, pieces: Pieces) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        Box::pin(async move { self.ask(pieces).await.unwrap_or_else(Verdict::Error) })
    }
}

/// Pieces with their length before each, then an empty one, then the verdict up to a zero byte.
async fn instream(mut socket: impl AsyncRead + AsyncWrite + Unpin, mut pieces: Pieces) -> Result<Verdict, String> {
    let mut sent = socket.write_all(b"zINSTREAM\0").await;
    while sent.is_ok()
        && let Some(piece) = pieces.next().await
    {
        let piece = piece.map_err(|refused| refused.to_string())?;
        // A piece of no length would end the stream.
        if piece.is_empty() {
            continue;
        }
        let length = u32::try_from(piece.len()).map_err(|error| error.to_string())?;
        sent = socket.write_all(&length.to_be_bytes()).await;
        if sent.is_ok() {
            sent = socket.write_all(&piece).await;
        }
    }
    if sent.is_ok() {
        sent = socket.write_all(&0_u32.to_be_bytes()).await;
    }
    // A scanner that has read enough closes: what it said before still counts.
    let mut answer = vec![];
    let read = (&mut socket).take(MAX_ANSWER).read_to_end(&mut answer).await;
    if answer.is_empty() {
        let error = sent.err().or(read.err());
        return Err(error.map_or_else(|| "it closed without a verdict".into(), |error| error.to_string()));
    }
    Ok(verdict(&String::from_utf8_lossy(&answer)))
}

fn verdict(answer: &str) -> Verdict {
    let line = answer.trim_matches(['\0', '\n', ' ']);
    let told = line.strip_prefix("stream: ").unwrap_or(line);
    if told == "OK" {
        Verdict::Clean
    } else if let Some(name) = told.strip_suffix(" FOUND") {
        Verdict::Infected(name.chars().filter(|c| !c.is_control()).take(120).collect())
    } else if told.contains("size limit exceeded") {
        Verdict::TooLarge
    } else {
        Verdict::Error(told.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

#[cfg(test)]
#[path = "tests/scan.rs"]
mod tests;
