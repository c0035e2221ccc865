//! The gateway's signature (Mekari HMAC): who signed, over date and request line, at most 300 s ago. It must answer yes only
//! to what the vendor's own page describes.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HttpDate;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::request::Incoming;

/// How far the two clocks may be apart.
const MOST_SKEW: Duration = Duration::from_secs(300);

/// One credential of the gateway.
#[derive(Clone)]
pub struct Signer {
    pub client_id: String,
    pub client_secret: String,
}

/// Why a request is not signed as it must be; for the journal of whoever debugs a client, never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    NoAuthorization,
    NoDate,
    BadDate,
    Skewed,
    BadAuthorization,
    UnknownClient,
    BadSignature,
    NoDigest,
    BadDigest,
}

/// Whether `request` carries a sound signature of `signer`.
pub fn check(request: &Incoming, signer: &Signer, strict_digest: bool) -> Result<(), Unsigned> {
    let authorization = request.heads.authorization.as_deref().ok_or(Unsigned::NoAuthorization)?;
    let date = request.heads.date.as_deref().ok_or(Unsigned::NoDate)?;
    let at: SystemTime = date.parse::<HttpDate>().map_err(|_| Unsigned::BadDate)?.into();
    let now: SystemTime = request.received.into();
    let skew = now.duration_since(at).unwrap_or_else(|early| early.duration());
    if skew > MOST_SKEW {
        return Err(Unsigned::Skewed);
    }
    let parameters = authorization.strip_prefix("hmac ").ok_or(Unsigned::BadAuthorization)?;
    if parameter(parameters, "algorithm") != Some("hmac-sha256") || parameter(parameters, "headers") != Some("date request-line")
    {
        return Err(Unsigned::BadAuthorization);
    }
    if parameter(parameters, "username") != Some(&signer.client_id) {
        return Err(Unsigned::UnknownClient);
    }
    let given = parameter(parameters, "signature").and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(signer.client_secret.as_bytes()).map_err(|_| Unsigned::BadSignature)?;
    mac.update(format!("date: {date}\n{} {} HTTP/1.1", request.method, request.target()).as_bytes());
    mac.verify_slice(&given.ok_or(Unsigned::BadAuthorization)?).map_err(|_| Unsigned::BadSignature)?;
    check_digest(request, strict_digest)
}

/// Asked for on everything that writes, except uploads; the vendor's own samples differ in the prefix, or leave it out.
fn check_digest(request: &Incoming, strict: bool) -> Result<(), Unsigned> {
    let writes = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE");
    let upload = request.is_of_type("multipart/form-data");
    let Some(given) = request.heads.digest.as_deref() else {
        return if strict && writes && !upload { Err(Unsigned::NoDigest) } else { Ok(()) };
    };
    let bare = given.strip_prefix("SHA-256=");
    if strict && bare.is_none() {
        return Err(Unsigned::BadDigest);
    }
    let right = BASE64.encode(&Sha256::digest(&request.body));
    if bare.unwrap_or(given) == right { Ok(()) } else { Err(Unsigned::BadDigest) }
}

/// `name="value"` out of a comma-separated list.
fn parameter<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(',').find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        (key == name).then(|| value.strip_prefix('"')?.strip_suffix('"'))?
    })
}

#[cfg(test)]
mod tests {
    use super::super::request::Heads;
    use super::*;

    fn signer() -> Signer {
        Signer { client_id: "an-id".into(), client_secret: "a-secret".into() }
    }

    /// A request signed `ago` seconds ago, and what was signed.
    fn signed(ago: i64, method: &str, target: &str, body: &'static [u8]) -> Incoming {
        let received: jiff::Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let at = SystemTime::from(received - jiff::SignedDuration::from_secs(ago));
        let date = HttpDate::from(at).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"a-secret").unwrap();
        mac.update(format!("date: {date}\n{method} {target} HTTP/1.1").as_bytes());
        let signature = BASE64.encode(&mac.finalize().into_bytes());
        let authorization =
            format!(r#"hmac username="an-id", algorithm="hmac-sha256", headers="date request-line", signature="{signature}""#);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Incoming {
            received,
            method: method.into(),
            path: path.into(),
            query: query.into(),
            heads: Heads { authorization: Some(authorization), date: Some(date), ..Heads::default() },
            body: body.into(),
        }
    }

    #[test]
    fn a_sound_signature_is_sound() {
        assert_eq!(check(&signed(0, "GET", "/qontak/crm/deals?page=1&name=a%20b", b""), &signer(), true), Ok(()));
        assert_eq!(check(&signed(299, "GET", "/qontak/crm/deals", b""), &signer(), false), Ok(()));
        assert_eq!(check(&signed(-299, "GET", "/qontak/crm/deals", b""), &signer(), false), Ok(()));
    }

    #[test]
    fn everything_else_is_not() {
        assert_eq!(check(&signed(302, "GET", "/x", b""), &signer(), false), Err(Unsigned::Skewed));
        assert_eq!(check(&signed(-302, "GET", "/x", b""), &signer(), false), Err(Unsigned::Skewed));
        let mut other_query = signed(0, "GET", "/x?page=1", b"");
        other_query.query = "page=2".into();
        assert_eq!(check(&other_query, &signer(), false), Err(Unsigned::BadSignature));
        let mut other_method = signed(0, "GET", "/x", b"");
        other_method.method = "DELETE".into();
        assert_eq!(check(&other_method, &signer(), false), Err(Unsigned::BadSignature));
        let mut no_date = signed(0, "GET", "/x", b"");
        no_date.heads.date = None;
        assert_eq!(check(&no_date, &signer(), false), Err(Unsigned::NoDate));
        let stranger = Signer { client_id: "other".into(), ..signer() };
        assert_eq!(check(&signed(0, "GET", "/x", b""), &stranger, false), Err(Unsigned::UnknownClient));
    }

    #[test]
    fn the_digest_is_checked_where_it_is_given_and_asked_for_where_strict() {
        let right = BASE64.encode(&Sha256::digest(b"{}"));
        let with = |digest: Option<String>, strict| {
            let mut request = signed(0, "POST", "/x", b"{}");
            request.heads.digest = digest;
            check(&request, &signer(), strict)
        };
        assert_eq!(with(None, false), Ok(()));
        assert_eq!(with(None, true), Err(Unsigned::NoDigest));
        assert_eq!(with(Some(format!("SHA-256={right}")), true), Ok(()));
        assert_eq!(with(Some(right.clone()), false), Ok(()));
        assert_eq!(with(Some(right), true), Err(Unsigned::BadDigest));
        assert_eq!(with(Some("SHA-256=AAAA".into()), false), Err(Unsigned::BadDigest));
        let mut upload = signed(0, "POST", "/x", b"--b--");
        upload.heads.content_type = Some("multipart/form-data; boundary=b".into());
        assert_eq!(check(&upload, &signer(), true), Ok(()));
    }
}
