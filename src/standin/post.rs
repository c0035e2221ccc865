//! Sends one webhook: a POST over plain HTTP, once, without a look at the answer, as nothing is documented about retries. It
//! is written by hand because it needs no more than this, and must never share a client with what it is a stand-in for.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(5);

/// Whether somebody answered at all.
pub async fn post(url: &str, body: &Value) -> bool {
    let Some((address, target)) = parts(url) else { return false };
    let body = body.to_string();
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(request.as_bytes()).await?;
        // The end of the answer: only then the receiver is surely done with it.
        let mut answer = vec![];
        stream.take(64 * 1024).read_to_end(&mut answer).await
    };
    matches!(tokio::time::timeout(PATIENCE, exchange).await, Ok(Ok(read)) if read > 0)
}

/// Address with a port, and target.
fn parts(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.rsplit(']').next()?.contains(':') { host.to_owned() } else { format!("{host}:80") };
    Some((address, format!("/{path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |address: &str, target: &str| Some((address.to_owned(), target.to_owned()));
        assert_eq!(parts("http://127.0.0.1:8080/v1/webhooks/x?y=1"), of("127.0.0.1:8080", "/v1/webhooks/x?y=1"));
        assert_eq!(parts("http://host"), of("host:80", "/"));
        assert_eq!(parts("http://[::1]:81/a"), of("[::1]:81", "/a"));
        assert_eq!(parts("http://[::1]/a"), of("[::1]:80", "/a"));
        assert_eq!(parts("https://host/"), None);
    }
}
