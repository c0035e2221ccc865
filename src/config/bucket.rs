//! The settings that together name a bucket for files. Nothing is asked of it here.

use super::{ConfigError, Environment, Values};
use crate::library::{Bucket, Keys};

const URL: &str = "files_url";
/// What says nothing without it.
const BESIDE: [&str; 2] = ["files_endpoint", "files_credentials_file"];
const MOST_PREFIX: usize = 200;

impl Values {
    /// `None`: files lie in a folder.
    pub(super) fn bucket(&self, environment: &Environment) -> Result<Option<Bucket>, ConfigError> {
        let url = self.take(URL).0;
        if url.is_empty() {
            return match BESIDE.iter().find(|name| !self.take(name).0.is_empty()) {
                Some(name) => self.invalid(URL, format!("s3://bucket/prefix where {name} is set")),
                None => Ok(None),
            };
        }
        let Some((name, prefix)) = split(&url) else {
            return self.invalid(URL, "s3://bucket or s3://bucket/prefix, of letters, digits, dots, hyphens and underscores");
        };
        let endpoint = match self.take("files_endpoint").0.trim_end_matches('/') {
            "" => None,
            address if is_address(address) => Some(address.to_owned()),
            _ => return self.invalid("files_endpoint", "https://host or https://host:port (or http://), without a path"),
        };
        let region = self.take("files_region").0;
        if region.is_empty() || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return self.invalid("files_region", "a region's name, like eu-central-1");
        }
        let path_style = match self.take("files_path_style").0.as_str() {
            // A certificate for one name in front of the host does not hold for two.
            "auto" => endpoint.is_some() || name.contains('.'),
            "true" | "1" | "yes" => true,
            "false" | "0" | "no" => false,
            _ => return self.invalid("files_path_style", "auto, true or false"),
        };
        let keys = match (self.take("files_credentials_file").0, &environment.aws_keys) {
            (file, _) if !file.is_empty() => Keys::File(file.into()),
            (_, Some(pair)) => Keys::Given(pair.clone()),
            _ => {
                let wanted = "a file with the bucket's keys, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set";
                return self.invalid("files_credentials_file", wanted);
            }
        };
        Ok(Some(Bucket { name, prefix, endpoint, region, path_style, keys }))
    }
}

/// Bucket and prefix.
fn split(url: &str) -> Option<(String, String)> {
    let sound = |part: &str| {
        !part.is_empty()
            && !part.bytes().all(|b| b == b'.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let rest = url.strip_prefix("s3://")?.trim_end_matches('/');
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_prefix = prefix.is_empty() || (prefix.len() <= MOST_PREFIX && prefix.split('/').all(sound));
    ((3..=63).contains(&name.len()) && sound(name) && is_prefix).then(|| (name.to_owned(), prefix.to_owned()))
}

fn is_address(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '\\']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};
    use crate::library::KeyPair;

    fn config(values: &[(&'static str, &str)]) -> Result<Option<Bucket>, String> {
        let flags = Flags { config: None, values: values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() };
        let aws_keys = Some(KeyPair::new("AKIDEXAMPLE".into(), "hush".into(), None));
        let config = Config::load(&flags, &Environment { aws_keys, ..Environment::default() });
        config.map(|config| config.bucket).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_told_by_its_url() {
        assert_eq!(config(&[]), Ok(None));
        let bucket = config(&[("files_url", "s3://acme-files/chat/one/")]).unwrap().unwrap();
        assert_eq!((bucket.name.as_str(), bucket.prefix.as_str(), bucket.path_style), ("acme-files", "chat/one", false));
        assert_eq!(bucket.to_string(), "s3://acme-files/chat/one in us-east-1");
        assert!(!format!("{bucket:?}").contains("hush"), "{bucket:?}");
        let own = config(&[("files_url", "s3://files"), ("files_endpoint", "http://minio:9000/")]).unwrap().unwrap();
        assert_eq!((own.endpoint.as_deref(), own.path_style), (Some("http://minio:9000"), true));
        assert!(config(&[("files_url", "s3://acme.files")]).unwrap().unwrap().path_style);
    }

    #[test]
    fn what_is_no_bucket_is_one_sentence() {
        for (values, named) in [
            (&[("files_url", "https://s3.amazonaws.com/acme")][..], "files_url"),
            (&[("files_url", "s3://ab")], "files_url"),
            (&[("files_url", "s3://acme/../other")], "files_url"),
            (&[("files_url", "s3://acme?x")], "files_url"),
            (&[("files_endpoint", "http://minio:9000")], "files_url"),
            (&[("files_url", "s3://acme"), ("files_endpoint", "minio:9000")], "files_endpoint"),
            (&[("files_url", "s3://acme"), ("files_endpoint", "http://a@b")], "files_endpoint"),
            (&[("files_url", "s3://acme"), ("files_region", "eu west")], "files_region"),
            (&[("files_url", "s3://acme"), ("files_path_style", "maybe")], "files_path_style"),
        ] {
            let said = config(values).unwrap_err();
            assert!(said.starts_with(&format!("{named} (from ")) && !said.contains('\n'), "{values:?}: {said}");
        }
        let flags = Flags { config: None, values: vec![("files_url", "s3://acme".into())] };
        let said = Config::load(&flags, &Environment::default()).unwrap_err().to_string();
        assert!(said.starts_with("files_credentials_file (from default)"), "{said}");
    }
}
