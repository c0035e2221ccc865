//! What a bucket's errors are called, and where its requests go.

use super::*;

fn error(status: u16, body: &str) -> object_store::Error {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Text(String);
    let text =
        format!("Error performing PUT http://minio:9000/acme/x in 1ms - Server returned non-2xx status code: {status} X: {body}");
    object_store::Error::Generic { store: "S3", source: Box::new(Text(text)) }
}

#[test]
fn an_error_is_told_by_who_can_help_and_shows_nothing_else() {
    let answer = |code: &str| format!("<Error><Code>{code}</Code><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId></Error>");
    for (status, body, told) in [
        (404, answer("NoSuchBucket"), "there is no such bucket (NoSuchBucket)"),
        (403, answer("SignatureDoesNotMatch"), "the bucket does not let these keys in (SignatureDoesNotMatch)"),
        (403, String::new(), "the bucket does not let these keys in (403)"),
        (301, answer("PermanentRedirect"), "the bucket is in another region, or at another address"),
        (503, answer("SlowDown"), "the bucket's server answers 503 SlowDown"),
        (500, "<html>".into(), "the bucket's server answers 500"),
        (500, "<Code>a b</Code>".into(), "the bucket's server answers 500"),
    ] {
        assert_eq!(refused(&error(status, &body)), Refused::Storage(told.into()));
    }
    let unreached = HttpError::new(HttpErrorKind::Connect, NotCarried::Unreached("refused".into()));
    let unreached = object_store::Error::Generic { store: "S3", source: Box::new(unreached) };
    assert_eq!(refused(&unreached), Refused::Storage("the bucket's server: it cannot be reached: refused".into()));
}

#[test]
fn nothing_at_an_address_is_the_bucket_s_own_word() {
    let missing = |body: &str| object_store::Error::NotFound { path: "x".into(), source: Box::new(error(404, body)) };
    assert!(is_missing(&missing("<Code>NoSuchKey</Code>")));
    assert!(!is_missing(&missing("<Code>NoSuchBucket</Code>")));
    assert!(!is_missing(&missing("<html><h1>404</h1>")));
    assert!(!is_missing(&error(500, "<Code>NoSuchKey</Code>")));
    assert!(is_missing_head(&missing("")) && !is_missing_head(&error(403, "")));
}

#[test]
fn the_bucket_is_named_in_front_of_the_host_or_in_the_path() {
    let keys = Keys::Given(KeyPair::new("id".into(), "secret".into(), None));
    let bucket = Bucket {
        name: "acme".into(),
        prefix: String::new(),
        endpoint: Some("https://minio:9000".into()),
        region: "us-east-1".into(),
        path_style: true,
        keys,
    };
    assert_eq!(bucket.address().as_deref(), Some("https://minio:9000"));
    assert_eq!(Bucket { path_style: false, ..bucket.clone() }.address().as_deref(), Some("https://acme.minio:9000"));
    assert_eq!(Bucket { endpoint: None, ..bucket }.address(), None);
}

#[test]
fn a_key_file_is_told_without_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let read = || KeySource(Keys::File(path.clone())).read();
    assert!(read().unwrap_err().contains("cannot be read"));
    std::fs::write(&path, r#"{"access_key_id":"hush","secret_access_key":""}"#).unwrap();
    let told = read().unwrap_err();
    assert!(told.contains("is not JSON with") && !told.contains("hush"), "{told}");
    std::fs::write(&path, r#"{"access_key_id":"id","secret_access_key":"s","session_token":"t"}"#).unwrap();
    let keys = read().unwrap();
    assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str(), keys.token.as_deref()), ("id", "s", Some("t")));
}
