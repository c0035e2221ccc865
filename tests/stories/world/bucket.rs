//! An S3 server as far as files are kept: whole objects and such in parts, ranges, copies, lists; every request must be signed
//! with the right keys, over the very bytes that came (Signature Version 4). It keeps what it has in memory, and can be away,
//! fail, and stop in the middle.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use tempfile::TempDir;

use super::World;
use super::s3::Request;

pub const NAME: &str = "acme-files";
const KEY_ID: &str = "AKIDEXAMPLE";
/// Looked for in all that a story leaves.
const SECRET: &str = "canary-3f9b21-bucket-secret";
/// The least that a part may have that is not the last.
const LEAST_PART: usize = 5 * 1024 * 1024;

#[derive(Default)]
struct Inside {
    /// With the time they came, or were copied.
    objects: BTreeMap<String, (Arc<Vec<u8>>, jiff::Timestamp)>,
    /// What comes in parts, by upload.
    parts: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    next_upload: u32,
    away: bool,
    /// So many requests are answered with an error of the server's own.
    failing: u32,
    /// So many answers with a body end after half of it.
    halving: u32,
    /// After the next of them it is away.
    leaves: bool,
    /// The second part of anything is not answered.
    holding: bool,
    held: bool,
    /// Method and path of a request whose answer is worked out, and held.
    late: Option<String>,
    /// What is said to every request, whatever it asks.
    says: Option<Reply>,
    /// What nobody may remove.
    kept: Option<String>,
    /// These keys may not list: what is not there is refused to them.
    blind: bool,
    /// Method and path of what was let in.
    asked: Vec<String>,
}

struct Shared {
    inside: Mutex<Inside>,
    turned: Condvar,
}

pub struct Bucket {
    pub port: u16,
    shared: Arc<Shared>,
    /// Of the file with its keys.
    keys: TempDir,
}

impl Bucket {
    /// An empty one. Ends with the story's process.
    pub fn up() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { inside: Mutex::default(), turned: Condvar::new() });
        let of_all = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = of_all.clone();
                std::thread::spawn(move || serves(&stream, &shared));
            }
        });
        let bucket = Self { port, shared, keys: TempDir::with_prefix("bellhop-bucket-").unwrap() };
        bucket.has_keys(SECRET);
        bucket
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.shared.inside.lock().unwrap()
    }

    fn key_file(&self) -> PathBuf {
        self.keys.path().join("keys.json")
    }

    /// The file with its keys says this secret from now on.
    fn has_keys(&self, secret: &str) {
        let keys = serde_json::json!({"access_key_id": KEY_ID, "secret_access_key": secret});
        std::fs::write(self.key_file(), keys.to_string()).unwrap();
    }

    pub fn has_wrong_keys(&self) {
        self.has_keys("canary-not-the-secret");
    }

    pub fn has_right_keys(&self) {
        self.has_keys(SECRET);
    }

    /// Every connection is cut, those that stand too.
    pub fn is_away(&self, away: bool) {
        self.inside().away = away;
    }

    pub fn fails(&self, times: u32) {
        self.inside().failing = times;
    }

    /// Answers with a body end after half of it, so often.
    pub fn halves(&self, times: u32) {
        self.inside().halving = times;
    }

    /// The next answer with a body ends after half of it, and then it is away.
    pub fn goes_away_in_the_middle(&self) {
        let mut inside = self.inside();
        (inside.halving, inside.leaves) = (1, true);
    }

    pub fn has_gone_away(&self) -> bool {
        self.inside().away
    }

    /// The second part of a file is taken and not answered, until `lets_go`.
    pub fn holds(&self) {
        self.inside().holding = true;
    }

    /// The next answer to this (`HEAD chat/…`) is worked out, and held until `lets_go`.
    pub fn holds_answer(&self, asked: &str) {
        self.inside().late = Some(asked.to_owned());
    }

    /// Everything is answered so from now on; `headers` with their line ends.
    pub fn says(&self, status: u16, headers: &str, body: &str) {
        let (headers, body) = (headers.to_owned(), body.as_bytes().to_vec());
        self.inside().says = Some(Reply { status, headers, body, length: None });
    }

    pub fn speaks_for_itself(&self) {
        self.inside().says = None;
    }

    /// This is removed by nobody, as where it is locked for a time.
    pub fn keeps(&self, key: Option<&str>) {
        self.inside().kept = key.map(str::to_owned);
    }

    /// What is not there is answered 403, as S3 does to keys that may not list.
    pub fn is_blind(&self, blind: bool) {
        self.inside().blind = blind;
    }

    /// Other bytes lie at this address; those that did.
    pub fn changes(&self, key: &str, bytes: &[u8]) -> Vec<u8> {
        let mut inside = self.inside();
        let object = inside.objects.get_mut(key).expect("an object");
        std::mem::replace(&mut object.0, Arc::new(bytes.to_vec())).to_vec()
    }

    pub fn lets_go(&self) {
        let mut inside = self.inside();
        (inside.holding, inside.held) = (false, false);
        drop(inside);
        self.shared.turned.notify_all();
    }

    pub fn is_at_it(&self) {
        super::eventually("a request is held", || self.inside().held.then_some(()));
    }

    /// The addresses of the files in it.
    pub fn files(&self) -> Vec<String> {
        self.inside().objects.keys().filter(|key| key.contains("/blobs/")).cloned().collect()
    }

    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.inside().objects.get(key).map(|(bytes, _)| bytes.to_vec())
    }

    pub fn loses(&self, key: &str) {
        assert!(self.inside().objects.remove(key).is_some(), "{key} is not there");
    }

    /// What was asked and let in, in order.
    pub fn was_asked(&self) -> Vec<String> {
        self.inside().asked.clone()
    }

    /// A file of settings that names it, under `name` in the bucket `bucket`.
    pub fn settings(&self, folder: &Path, bucket: &str) -> String {
        let path = folder.join(format!("in-{bucket}.toml"));
        let text = format!(
            "files_url = \"s3://{bucket}/chat\"\nfiles_endpoint = \"http://127.0.0.1:{}\"\nfiles_credentials_file = \"{}\"\n",
            self.port,
            self.key_file().display()
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Where the company's first file with these bytes lies.
pub fn address(sha256: &str) -> String {
    format!("chat/blobs/1/{}/{sha256}", &sha256[..2])
}

impl World {
    /// The server starts again, with its files in this bucket.
    pub fn keeps_files_in(&mut self, bucket: &Bucket) {
        self.dies();
        let settings = bucket.settings(self.folder(), NAME);
        self.starts_with(&[], &["--config", &settings]);
    }
}

#[derive(Clone, Default)]
struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
    /// Of an answer to HEAD: what there would be.
    length: Option<usize>,
}

fn xml(status: u16, text: impl Into<String>) -> Reply {
    Reply { status, body: text.into().into_bytes(), ..Reply::default() }
}

fn error(status: u16, code: &str) -> Reply {
    xml(status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>"))
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &HEXLOWER.encode(digest(&SHA256, bytes).as_ref())[..32])
}

fn serves(stream: &TcpStream, shared: &Shared) {
    let mut lines = BufReader::new(stream);
    while let Some(request) = Request::read(&mut lines) {
        let reply = {
            let mut inside = shared.inside.lock().unwrap();
            if inside.away {
                return;
            }
            if inside.holding && request.asks("partNumber") == Some("2") {
                inside.held = true;
                shared.turned.notify_all();
                while inside.holding {
                    inside = shared.turned.wait(inside).unwrap();
                }
            }
            let is_head = request.method == "HEAD";
            let fails = inside.failing > 0;
            inside.failing = inside.failing.saturating_sub(1);
            let mut reply = match inside.says.clone() {
                Some(reply) => reply,
                None if fails => error(500, "InternalError"),
                None => answers(&request, &mut inside),
            };
            if inside.late.as_ref().is_some_and(|late| *late == format!("{} {}", request.method, request.key())) {
                (inside.late, inside.holding, inside.held) = (None, true, true);
                while inside.holding {
                    inside = shared.turned.wait(inside).unwrap();
                }
            }
            if is_head {
                reply.length = Some(reply.body.len());
                reply.body.clear();
            }
            if inside.halving > 0 && request.method == "GET" && !reply.body.is_empty() {
                inside.halving -= 1;
                inside.away = std::mem::take(&mut inside.leaves);
                reply.length = Some(reply.body.len());
                reply.body.truncate(reply.body.len() / 2);
            }
            reply
        };
        let length = reply.length.unwrap_or(reply.body.len());
        let head = format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\n{}\r\n", reply.status, reply.headers);
        let mut out = stream;
        let whole = out.write_all(head.as_bytes()).and_then(|()| out.write_all(&reply.body)).is_ok();
        if !whole || (request.method != "HEAD" && length != reply.body.len()) {
            return;
        }
    }
}

fn answers(request: &Request, inside: &mut Inside) -> Reply {
    if let Err(code) = request.is_signed(KEY_ID, SECRET) {
        return error(403, code);
    }
    if !request.path.starts_with(&format!("/{NAME}")) {
        return error(404, "NoSuchBucket");
    }
    let key = request.key().to_owned();
    inside.asked.push(format!("{} {key}", request.method));
    let upload = request.asks("uploadId").map(str::to_owned);
    match (request.method.as_str(), upload) {
        ("GET", _) if key.is_empty() => lists(request, inside),
        ("GET" | "HEAD", _) => gives(request, inside, &key),
        ("POST", None) if request.asks("uploads").is_some() => {
            inside.next_upload += 1;
            let id = format!("upload-{}", inside.next_upload);
            inside.parts.insert(id.clone(), BTreeMap::new());
            xml(200, format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
        }
        ("PUT", Some(id)) => match inside.parts.get_mut(&id) {
            Some(parts) => {
                let etag = etag(&request.body);
                parts.insert(request.asks("partNumber").unwrap().parse().unwrap(), request.body.clone());
                Reply { status: 200, headers: format!("ETag: {etag}\r\n"), ..Reply::default() }
            }
            None => error(404, "NoSuchUpload"),
        },
        ("POST", Some(id)) => match inside.parts.remove(&id) {
            Some(parts) if parts.values().rev().skip(1).any(|part| part.len() < LEAST_PART) => error(400, "EntityTooSmall"),
            Some(parts) => {
                let bytes: Vec<u8> = parts.into_values().flatten().collect();
                let etag = etag(&bytes);
                inside.objects.insert(key, (Arc::new(bytes), jiff::Timestamp::now()));
                xml(200, format!("<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"))
            }
            None => error(404, "NoSuchUpload"),
        },
        ("DELETE", Some(id)) => {
            inside.parts.remove(&id);
            Reply { status: 204, ..Reply::default() }
        }
        ("PUT", None) => {
            let from = request.header("x-amz-copy-source").trim_start_matches('/');
            if from.is_empty() {
                let headers = format!("ETag: {}\r\n", etag(&request.body));
                inside.objects.insert(key, (Arc::new(request.body.clone()), jiff::Timestamp::now()));
                return Reply { status: 200, headers, ..Reply::default() };
            }
            let found = from.strip_prefix(&format!("{NAME}/")).and_then(|from| inside.objects.get(from).cloned());
            let Some((bytes, _)) = found else { return error(404, "NoSuchKey") };
            let etag = etag(&bytes);
            inside.objects.insert(key, (bytes, jiff::Timestamp::now()));
            xml(200, format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>"))
        }
        ("DELETE", None) if inside.kept.as_ref() == Some(&key) => error(403, "AccessDenied"),
        ("DELETE", None) => {
            inside.objects.remove(&key);
            Reply { status: 204, ..Reply::default() }
        }
        _ => error(405, "MethodNotAllowed"),
    }
}

fn gives(request: &Request, inside: &Inside, key: &str) -> Reply {
    let Some((bytes, at)) = inside.objects.get(key) else {
        return if inside.blind { error(403, "AccessDenied") } else { error(404, "NoSuchKey") };
    };
    let date = at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut headers = format!("ETag: {}\r\nLast-Modified: {date}\r\n", etag(bytes));
    let range = request.header("range").strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((from, to)) = range else { return Reply { status: 200, headers, body: bytes.to_vec(), length: None } };
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let to = to.min(bytes.len() - 1);
    headers += &format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
    Reply { status: 206, headers, body: bytes[from..=to].to_vec(), length: None }
}

fn lists(request: &Request, inside: &Inside) -> Reply {
    let prefix = request.asks("prefix").unwrap_or_default().replace("%2F", "/");
    let one = |(key, (bytes, at)): (&String, &(Arc<Vec<u8>>, jiff::Timestamp))| {
        let (size, etag) = (bytes.len(), etag(bytes));
        format!("<Contents><Key>{key}</Key><LastModified>{at}</LastModified><ETag>{etag}</ETag><Size>{size}</Size></Contents>")
    };
    let all: String = inside.objects.iter().filter(|(key, _)| key.starts_with(&prefix)).map(one).collect();
    xml(200, format!("<ListBucketResult><IsTruncated>false</IsTruncated>{all}</ListBucketResult>"))
}
