//! Files, as a caller sends them: in parts, over a real socket. And small ones made by hand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use reqwest::header::{HeaderName, HeaderValue};

use super::call::Answer;
use super::{Database, Door, World};

const BOUNDARY: &str = "bellhop-story-7f3e9b1c";

/// A picture of one grey dot, `shade` of it; different shades are different files.
pub fn png(shade: u8) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let inner = [&kind[..], body].concat();
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &inner, &[shade; 4]].concat()
    };
    let head = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0];
    let start = b"\x89PNG\r\n\x1a\n".to_vec();
    [start, chunk(b"IHDR", &head), chunk(b"IDAT", &[0x78, 0x9c, 0x63, shade, 0, 0, 1, 0, 1]), chunk(b"IEND", b"")].concat()
}

/// A document of so many bytes, no two pages alike.
pub fn pdf(bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut body = b"%PDF-1.7\n".to_vec();
    while body.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body.extend_from_slice(&state.to_be_bytes());
    }
    body.truncate(bytes);
    body
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The parts of an upload, as they travel.
pub fn parts(fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut body = vec![];
    for (name, value) in fields {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    if let Some((filename, bytes)) = file {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"Content-Type: application/octet-stream\r\n\r\n");
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// What came back to somebody without a key.
#[derive(Debug)]
pub struct Fetched {
    pub http: u16,
    pub headers: HashMap<String, String>,
    pub bytes: Vec<u8>,
}

impl Door {
    /// Parts on their way.
    pub fn sending(&self, method: &str, path: &str, body: Vec<u8>) -> impl Future<Output = Answer> + Send + use<> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.key);
        let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body);
        async move {
            let answer = request.send().await.expect("an answer to an upload");
            let (http, headers) = (answer.status().as_u16(), answer.headers().clone());
            let text = answer.text().await.unwrap();
            Answer { http, headers, body: serde_json::from_str(&text).unwrap_or(text.into()) }
        }
    }

    pub fn sends_parts(&self, method: &str, path: &str, fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Answer {
        self.runtime.block_on(self.sending(method, path, parts(fields, file)))
    }

    pub fn adds_file(&self, key: &str, filename: &str, bytes: &[u8]) -> Answer {
        self.sends_parts("POST", "/v1/files", &[("key", key)], Some((filename, bytes)))
    }

    /// As a customer's browser does: without a key.
    pub fn opens(&self, path: &str, headers: &[(&str, &str)]) -> Fetched {
        let mut request = self.http.get(format!("http://127.0.0.1:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap_or_else(|problem| panic!("no answer to {path}: {problem}"));
            let text = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
            let (http, headers) = (answer.status().as_u16(), answer.headers().iter().map(text).collect());
            Fetched { http, headers, bytes: answer.bytes().await.unwrap().to_vec() }
        })
    }

    /// (status, headers of interest, the bytes).
    pub fn downloads(&self, path: &str) -> (u16, Vec<Option<String>>, Vec<u8>) {
        let request = self.http.get(format!("http://127.0.0.1:{}{path}", self.port)).bearer_auth(&self.key);
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let headers =
                ["content-type", "content-disposition", "x-content-type-options", "content-length"].map(header).to_vec();
            (answer.status().as_u16(), headers, answer.bytes().await.unwrap().to_vec())
        })
    }
}

impl World {
    /// Where the library's bytes lie.
    pub fn library(&self) -> PathBuf {
        match self.database() {
            Database::Sqlite(path) => path.parent().unwrap().join("files"),
            _ => self.folder().join(".bellhop/files"),
        }
    }

    /// Every file in it, half or whole.
    pub fn files_in_library(&self) -> Vec<PathBuf> {
        files_under(&self.library())
    }
}

/// Every file under a folder.
pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let deeper = |path: PathBuf| if path.is_dir() { files_under(&path) } else { vec![path] };
    entries.flatten().flat_map(|entry| deeper(entry.path())).collect()
}
