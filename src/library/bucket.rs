//! A bucket of an S3 server, as a place where files may lie: what has to be known of it, the client, and what its errors mean.
//! Requests are signed by `object_store` and carried by the one HTTP client. **Invariant:** no key, address or answer of the
//! server gets into a sentence.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use object_store::client::{HttpResponseBody, HttpService};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use serde::Deserialize;

use super::refused::Refused;
use crate::actors::outside::Secret;
use crate::outbound::{Carrier, Coming, NotCarried};

/// A key file is no longer.
const MOST_KEY_FILE: u64 = 64 * 1024;

/// Where it is and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// Before every address in it, without slashes at its ends; may be empty.
    pub prefix: String,
    /// `scheme://host:port` of the server. `None`: Amazon's, of the region.
    pub endpoint: Option<String>,
    pub region: String,
    /// Whether the bucket is named in the path, and not in front of the host.
    pub path_style: bool,
    pub keys: Keys,
}

/// Where its keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    Given(KeyPair),
    /// Read for every request, so that they may be changed at any time.
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    id: String,
    secret: Secret,
    /// Of keys that end after a time.
    session: Option<Secret>,
}

impl KeyPair {
    pub fn new(id: String, secret: String, session: Option<String>) -> Self {
        Self { id, secret: Secret::new(secret), session: session.map(Secret::new) }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => write!(f, " in {}", self.region),
        }
    }
}

impl Bucket {
    /// Where requests go, when that is not worked out of the region alone.
    fn address(&self) -> Option<String> {
        let endpoint = self.endpoint.as_deref()?;
        let in_front = |(scheme, host): (&str, &str)| format!("{scheme}://{}.{host}", self.name);
        Some(if self.path_style { endpoint.to_owned() } else { endpoint.split_once("://").map(in_front)? })
    }

    /// Nothing is asked of it yet. `Err`: a setting is no good.
    pub(super) fn open(&self, carrier: Carrier) -> Result<Arc<dyn ObjectStore>, Refused> {
        let keys = KeySource(self.keys.clone());
        // What is missing now is said now.
        keys.read().map_err(Refused::BadSetting)?;
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 },
            max_retries: 3,
            retry_timeout: Duration::from_secs(15),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_credentials(Arc::new(keys))
            .with_client_options(ClientOptions::new().with_allow_http(true))
            // Not every S3 server takes a list of what is to go.
            .with_disable_bulk_delete(true)
            .with_retry(retry)
            .with_http_connector(Line(carrier));
        if let Some(address) = self.address() {
            builder = builder.with_endpoint(address);
        }
        let store = builder.build().map_err(|error| Refused::BadSetting(format!("the bucket cannot be used: {error}")))?;
        Ok(if self.prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, self.prefix.as_str())) })
    }
}

/// Gives the keys to whoever signs.
#[derive(Debug)]
struct KeySource(Keys);

#[derive(Deserialize)]
struct KeyFile {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl KeySource {
    /// `Err`: one sentence, without anything the file holds.
    fn read(&self) -> Result<AwsCredential, String> {
        let pair = match &self.0 {
            Keys::Given(pair) => pair.clone(),
            Keys::File(path) => in_file(path)?,
        };
        let token = pair.session.map(|token| token.reveal().to_owned());
        Ok(AwsCredential { key_id: pair.id, secret_key: pair.secret.reveal().to_owned(), token })
    }
}

fn in_file(path: &Path) -> Result<KeyPair, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("files_credentials_file {shown} cannot be read: {error}");
    if std::fs::metadata(path).map_err(cannot)?.len() > MOST_KEY_FILE {
        return Err(format!("files_credentials_file {shown} is too large for a file of keys"));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    let file: Option<KeyFile> = serde_json::from_str(&text).ok();
    match file.filter(|file| !file.access_key_id.is_empty() && !file.secret_access_key.is_empty()) {
        Some(file) => Ok(KeyPair::new(file.access_key_id, file.secret_access_key, file.session_token)),
        None => Err(format!("files_credentials_file {shown} is not JSON with access_key_id and secret_access_key")),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoKeys(String);

#[async_trait]
impl CredentialProvider for KeySource {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let failed = |why: String| object_store::Error::Generic { store: "keys", source: Box::new(NoKeys(why)) };
        if matches!(self.0, Keys::Given(_)) {
            return self.read().map(Arc::new).map_err(failed);
        }
        let keys = Self(self.0.clone());
        let read =
            tokio::task::spawn_blocking(move || keys.read()).await.unwrap_or_else(|_| Err("the keys were not read".into()));
        read.map(Arc::new).map_err(failed)
    }
}

/// Brings signed requests to the one HTTP client.
#[derive(Debug)]
struct Line(Carrier);

impl HttpConnector for Line {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self(self.0.clone())))
    }
}

fn lost(why: NotCarried) -> HttpError {
    let kind = match why {
        NotCarried::Unreached(_) => HttpErrorKind::Connect,
        NotCarried::TooSlow => HttpErrorKind::Timeout,
        NotCarried::BrokenOff(_) => HttpErrorKind::Interrupted,
    };
    HttpError::new(kind, why)
}

#[async_trait]
impl HttpService for Line {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.0.carry(request).await.map_err(lost)?;
        Ok(answer.map(|body| HttpResponseBody::new(Answer(body))))
    }
}

/// What comes back, with its errors as `object_store` knows them.
struct Answer(Coming);

impl http_body::Body for Answer {
    type Data = bytes::Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, HttpError>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx).map(|next| next.map(|frame| frame.map_err(lost)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

/// What the bucket said, sorted by who can help: the keys, the bucket's name, or the server.
pub(super) fn refused(error: &object_store::Error) -> Refused {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(why) = one.downcast_ref::<NotCarried>() {
            return Refused::Storage(format!("the bucket's server: {why}"));
        }
        if let Some(why) = one.downcast_ref::<NoKeys>() {
            return Refused::Storage(why.0.clone());
        }
        cause = one.source();
    }
    let text = error.to_string();
    let code = code_in(&text);
    Refused::Storage(match (code.as_deref(), status_in(&text)) {
        (Some("NoSuchBucket"), _) => "there is no such bucket (NoSuchBucket)".into(),
        (Some(code), Some(401 | 403)) => format!("the bucket does not let these keys in ({code})"),
        (None, Some(status @ (401 | 403))) => format!("the bucket does not let these keys in ({status})"),
        (_, Some(301 | 307)) | (Some("PermanentRedirect" | "AuthorizationHeaderMalformed"), _) => {
            "the bucket is in another region, or at another address".into()
        }
        (Some(code), Some(status)) => format!("the bucket's server answers {status} {code}"),
        (None, Some(status)) => format!("the bucket's server answers {status}"),
        _ if text.contains("redirect without LOCATION") => "the bucket is in another region, or at another address".into(),
        _ => "the bucket's server answers what nobody understands".into(),
    })
}

/// Whether the bucket says that there is nothing at the address. A 404 without its own word is that of somebody in between, and
/// says nothing of the file.
pub(super) fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && code_in(&error.to_string()).as_deref() == Some("NoSuchKey")
}

/// The same of an answer to HEAD, which has no body and so no word.
pub(super) fn is_missing_head(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}

/// The word by which S3 names an error.
fn code_in(text: &str) -> Option<String> {
    let (_, behind) = text.split_once("<Code>")?;
    let (code, _) = behind.split_once("</Code>")?;
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| code.to_owned())
}

fn status_in(text: &str) -> Option<u16> {
    let (_, behind) = text.split_once("status code: ")?;
    behind.get(..3)?.parse().ok()
}

#[cfg(test)]
#[path = "tests/bucket.rs"]
mod tests;
