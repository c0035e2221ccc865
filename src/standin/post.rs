//! Sends webhooks: a POST over plain HTTP. Qontak's once, without a look at the answer, as nothing is documented about retries;
//! WhatsApp's with a signature, again until they are received. Written by hand because it needs no more than this, and must never
//! share a client with what it is a stand-in for.

use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(5);
/// The vendor tries for a day, ever more seldom; here nobody waits so long.
const TRIES: u32 = 600;
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Whether somebody answered at all.
pub async fn post(url: &str, body: &Value) -> bool {
    exchange("POST", url, &body.to_string(), None).await.is_some()
}

/// Until it is answered with 200.
pub async fn signed(url: &str, body: &Value, secret: &str) {
    let body = body.to_string();
    let signature = signature(secret, body.as_bytes());
    for _ in 0..TRIES {
        if matches!(exchange("POST", url, &body, Some(&signature)).await, Some((200, _))) {
            return;
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// Whether the receiver knows the token and gives the challenge back.
pub async fn verify(url: &str, verify_token: &str) -> bool {
    let challenge = uuid::Uuid::now_v7().simple().to_string();
    let asked = format!("{url}?hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={verify_token}");
    for _ in 0..25 {
        match exchange("GET", &asked, "", None).await {
            Some((200, body)) => return body.trim() == challenge,
            Some(_) => return false,
            None => tokio::time::sleep(TRY_AGAIN).await,
        }
    }
    false
}

/// `X-Hub-Signature-256` of a body.
fn signature(secret: &str, body: &[u8]) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// Status and body of the answer, if one came whole.
async fn exchange(method: &str, url: &str, body: &str, signature: Option<&str>) -> Option<(u16, String)> {
    let (address, target) = parts(url)?;
    let signed = signature.map(|text| format!("X-Hub-Signature-256: {text}\r\n")).unwrap_or_default();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{signed}Content-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(request.as_bytes()).await?;
        // The end of the answer: only then the receiver is surely done with it.
        let mut answer = vec![];
        stream.take(64 * 1024).read_to_end(&mut answer).await.map(|_| answer)
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
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

    #[test]
    fn the_signature_is_what_openssl_says() {
        // printf '{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = "sha256=aa9e2e3575f5d7098b6caccd790888c36d5fdb63342a73bada2d6a51747a8494";
        assert_eq!(signature("secret", br#"{"a":1}"#), expected);
    }
}
