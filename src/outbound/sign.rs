//! Mekari HMAC, the signature of the gateway dialect (qontak-api.md 2.8): over the date and the request line, keyed with the
//! client's secret, and a digest of the body beside it.

use data_encoding::BASE64;
use ring::{digest, hmac};

use crate::actors::outside::Secret;
use crate::room::Timestamp;

/// A client of the gateway.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: Secret,
}

/// RFC 7231 date, as `Date` wants it.
pub fn date(now: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `Authorization` for this request. `target`: the path with its query, as it stands on the request line.
pub fn authorization(client: &Client, date: &str, method: &str, target: &str) -> Secret {
    let signed = format!("date: {date}\n{method} {target} HTTP/1.1");
    let key = hmac::Key::new(hmac::HMAC_SHA256, client.secret.reveal().as_bytes());
    let signature = BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
    Secret::new(format!(
        r#"hmac username="{}", algorithm="hmac-sha256", headers="date request-line", signature="{signature}""#,
        client.id
    ))
}

/// `Digest` of a body.
pub fn digest_of(body: &[u8]) -> String {
    format!("SHA-256={}", BASE64.encode(digest::digest(&digest::SHA256, body).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client { id: "clientx01".into(), secret: Secret::new("s3cret-invented".into()) }
    }

    #[test]
    fn the_date_is_the_one_of_http() {
        assert_eq!(date(Timestamp(784_111_777_000_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    /// Computed apart from this program:
    /// `printf 'date: Sun, 06 Nov 1994 08:49:37 GMT\nPOST /qontak/crm/deals?page=1&name=a%%20b HTTP/1.1' |
    ///  openssl dgst -sha256 -hmac s3cret-invented -binary | base64` and
    /// `printf '{"name":"Solar"}' | openssl dgst -sha256 -binary | base64`.
    #[test]
    fn signature_and_digest_are_what_openssl_says() {
        let signed = authorization(&client(), "Sun, 06 Nov 1994 08:49:37 GMT", "POST", "/qontak/crm/deals?page=1&name=a%20b");
        assert_eq!(
            signed.reveal(),
            "hmac username=\"clientx01\", algorithm=\"hmac-sha256\", headers=\"date request-line\", signature=\"h2+eBwoGc2/lY6q4vwKbHLH3L1+Z8OFtDwqAgW7/kZc=\""
        );
        assert_eq!(digest_of(br#"{"name":"Solar"}"#), "SHA-256=VQnmUYhv7ryHJFUTFXYFu0AqQXcNF2oXxf9mJcMQ1Oo=");
    }

    #[test]
    fn a_known_vector_of_hmac_sha256_holds() {
        // RFC 4231, test case 2.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let tag = hmac::sign(&key, b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(data_encoding::HEXLOWER.encode(tag.as_ref()), expected);
    }
}
