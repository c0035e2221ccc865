//! A request as it comes to an S3 server: read off the wire, and whether it is signed (Signature Version 4).

use std::collections::BTreeMap;
use std::io::BufRead;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use ring::hmac;

pub struct Request {
    pub method: String,
    pub path: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn read(lines: &mut impl BufRead) -> Option<Self> {
        let mut line = || {
            let mut text = String::new();
            let read = lines.read_line(&mut text).ok()?;
            (read > 0).then(|| text.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |one: &str| one.split_once('=').map_or((one.to_owned(), String::new()), |(k, v)| (k.to_owned(), v.to_owned()));
        let query = query.split('&').filter(|one| !one.is_empty()).map(pair).collect();
        let mut headers = BTreeMap::new();
        loop {
            let text = line()?;
            let Some((name, value)) = text.split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(0, |text: &String| text.parse().unwrap());
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        Some(Self { method, path: path.to_owned(), query, headers, body })
    }

    /// The address inside its bucket.
    pub fn key(&self) -> &str {
        self.path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key)
    }

    pub fn asks(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The signature over what came, as AWS describes it. `Err`: the word for what is wrong.
    pub fn is_signed(&self, key_id: &str, secret: &str) -> Result<(), &'static str> {
        let said = self.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").ok_or("AccessDenied")?;
        let part = |name: &str| said.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        let (id, scope) = part("Credential").split_once('/').ok_or("AccessDenied")?;
        if id != key_id {
            return Err("InvalidAccessKeyId");
        }
        let of_body = HEXLOWER.encode(digest(&SHA256, &self.body).as_ref());
        if self.header("x-amz-content-sha256") != of_body {
            return Err("XAmzContentSHA256Mismatch");
        }
        let mut query = self.query.clone();
        query.sort();
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let names: Vec<&str> = part("SignedHeaders").split(';').collect();
        let headers: String = names.iter().map(|name| format!("{name}:{}\n", self.header(name))).collect();
        let whole =
            [&self.method, &self.path, &query.join("&"), &headers, &names.join(";"), &of_body].map(String::as_str).join("\n");
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            self.header("x-amz-date"),
            HEXLOWER.encode(digest(&SHA256, whole.as_bytes()).as_ref())
        );
        let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
        let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
        if part("Signature") == HEXLOWER.encode(&mac(&key, &text)) { Ok(()) } else { Err("SignatureDoesNotMatch") }
    }
}
