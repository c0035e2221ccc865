//! The forms of a company's token file, and the refresh of a token (qontak-api.md 1.2): a bare token; a pair that can be
//! refreshed; or a client of the gateway; and the headers that prove who asks. Nothing in here is ever printed: what is secret
//! is a `Secret`.

use serde_json::{Value, json};

use crate::actors::outside::{CrmDialect, Secret};
use crate::room::Timestamp;

use super::address::encoded;
use super::sign::{self, Client};

/// A token is refreshed so long before it ends.
const EARLY_MS: i64 = 5 * 60_000;

/// A token with what it takes to get the next one.
#[derive(Clone, Debug)]
pub struct TokenFile {
    pub access_token: Secret,
    pub refresh_token: Secret,
    /// Left out where the CRM does not ask for a client.
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub redirect_uri: Option<String>,
    /// `None`: not known; then only a 401 tells.
    pub expires_at: Option<Timestamp>,
}

/// What requests are signed with.
#[derive(Clone, Debug)]
pub enum Credentials {
    Static(Secret),
    Refreshable(Box<TokenFile>),
    Hmac(Client),
}

impl Credentials {
    /// Reads a token file. `Err` ends the sentence "The token file …"; says nothing of its content.
    pub fn parse(secret: &Secret) -> Result<Self, &'static str> {
        let text = secret.reveal().trim();
        if !text.starts_with('{') {
            let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            return if is_token { Ok(Self::Static(Secret::new(text.into()))) } else { Err("holds no token on its one line") };
        }
        let Ok(Value::Object(file)) = serde_json::from_str(text) else { return Err("is not a JSON object") };
        let text = |key: &str| file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let secret = |key: &str| text(key).map(|text| Secret::new(text.into()));
        let client_id = text("client_id").map(str::to_owned);
        match (secret("access_token"), secret("refresh_token"), client_id, secret("client_secret")) {
            (None, None, Some(id), Some(secret)) => Ok(Self::Hmac(Client { id, secret })),
            (Some(access_token), None, _, _) => Ok(Self::Static(access_token)),
            (Some(access_token), Some(refresh_token), client_id, client_secret) => Ok(Self::Refreshable(Box::new(TokenFile {
                access_token,
                refresh_token,
                client_id,
                client_secret,
                redirect_uri: text("redirect_uri").map(str::to_owned),
                expires_at: file.get("expires_at").and_then(moment),
            }))),
            _ => Err("needs `access_token`, or `client_id` and `client_secret`"),
        }
    }

    /// As `parse`, with what the dialect needs.
    pub fn of(secret: &Secret, dialect: CrmDialect) -> Result<Self, &'static str> {
        match Self::parse(secret)? {
            Self::Hmac(_) if dialect == CrmDialect::Bearer => Err("holds an HMAC client, which only the gateway takes"),
            credentials => Ok(credentials),
        }
    }

    /// What proves who asks. `target`: the path with its query, as it stands on the request line.
    pub fn headers(&self, now: Timestamp, method: &str, target: &str, body: Option<&[u8]>) -> Vec<(&'static str, Secret)> {
        match self {
            Self::Static(token) => vec![("authorization", bearer(token))],
            Self::Refreshable(file) => vec![("authorization", bearer(&file.access_token))],
            Self::Hmac(client) => {
                let date = sign::date(now);
                let mut headers = vec![("authorization", sign::authorization(client, &date, method, target))];
                headers.push(("date", Secret::new(date)));
                // Asked for on whatever writes, also when it has nothing to say.
                if method != "GET" {
                    headers.push(("digest", Secret::new(sign::digest_of(body.unwrap_or_default()))));
                }
                headers
            }
        }
    }

    /// For reports.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::Refreshable(_) => "refreshable",
            Self::Hmac(_) => "hmac",
        }
    }

    /// If it is known.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Refreshable(file) => file.expires_at,
            Self::Static(_) | Self::Hmac(_) => None,
        }
    }

    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| now >= end)
    }

    /// Whether the token is at its end, or so near that a new one should be had first.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        matches!(self, Self::Refreshable(file) if file.expires_at.is_some_and(|end| now.plus_ms(EARLY_MS) >= end))
    }
}

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.reveal()))
}

/// Whole, as a number or as text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Unix seconds, or RFC 3339.
fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => Some(Timestamp(number.as_i64()?.checked_mul(1_000_000)?)),
        Value::String(text) => text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond())),
        _ => None,
    }
}

impl TokenFile {
    /// The form that asks for the next pair (qontak-api.md 1.2).
    pub fn refresh_form(&self) -> Vec<u8> {
        let mut form = format!("grant_type=refresh_token&refresh_token={}", encoded(self.refresh_token.reveal()));
        let optional = [
            ("client_id", self.client_id.as_deref()),
            ("client_secret", self.client_secret.as_ref().map(Secret::reveal)),
            ("redirect_uri", self.redirect_uri.as_deref()),
        ];
        for (key, value) in optional.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            form.push('&');
            form.push_str(key);
            form.push('=');
            form.push_str(&encoded(value));
        }
        form.into_bytes()
    }

    /// The next pair, out of the token endpoint's answer. A refresh token that is not renewed stays.
    pub fn renewed(&self, answer: &[u8], now: Timestamp) -> Option<Self> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let seconds = answer.get("expires_in").and_then(whole);
        let mut next = self.clone();
        next.access_token = Secret::new(text("access_token")?.into());
        if let Some(refresh_token) = text("refresh_token") {
            next.refresh_token = Secret::new(refresh_token.into());
        }
        next.expires_at = seconds.map(|seconds| now.plus_ms(seconds.saturating_mul(1_000)));
        Some(next)
    }

    /// As it is stored.
    pub fn to_secret(&self) -> Secret {
        let mut file = json!({
            "access_token": self.access_token.reveal(),
            "refresh_token": self.refresh_token.reveal(),
        });
        let optional = [
            ("client_id", self.client_id.as_deref()),
            ("client_secret", self.client_secret.as_ref().map(Secret::reveal)),
            ("redirect_uri", self.redirect_uri.as_deref()),
        ];
        for (key, value) in optional.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            file[key] = value.into();
        }
        if let Some(end) = self.expires_at {
            file["expires_at"] = (end.0.div_euclid(1_000_000)).into();
        }
        Secret::new(file.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Credentials, &'static str> {
        Credentials::parse(&Secret::new(text.into()))
    }

    #[test]
    fn every_form_of_the_file_is_read() {
        assert!(matches!(parse(" T1-invented \n"), Ok(Credentials::Static(token)) if token.reveal() == "T1-invented"));
        let hmac = parse(r#"{"client_id":"c","client_secret":"s"}"#).unwrap();
        assert!(matches!(hmac, Credentials::Hmac(client) if client.id == "c" && client.secret.reveal() == "s"));
        let pair =
            parse(r#"{"access_token":"a","refresh_token":"r","client_id":"c","client_secret":"s","expires_at":1900000000}"#);
        let Ok(Credentials::Refreshable(file)) = pair else { panic!("not refreshable") };
        assert_eq!(file.expires_at, Some(Timestamp(1_900_000_000_000_000)));
        let form = String::from_utf8(file.refresh_form()).unwrap();
        assert_eq!(form, "grant_type=refresh_token&refresh_token=r&client_id=c&client_secret=s");
        assert!(matches!(parse(r#"{"access_token":"a"}"#), Ok(Credentials::Static(_))));
        for wrong in ["", " \n", "two words", "a\nb", "{", "{}", r#"{"client_id":"c"}"#, r#"{"access_token":7}"#] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_renewed_pair_survives_being_stored() {
        let Ok(Credentials::Refreshable(file)) = parse(r#"{"access_token":"a","refresh_token":"r+/=&","client_id":"c"}"#) else {
            panic!("not refreshable")
        };
        assert!(String::from_utf8(file.refresh_form()).unwrap().contains("refresh_token=r%2B%2F%3D%26"));
        let now = Timestamp(1_800_000_000_000_000);
        let answer = br#"{"access_token":"b","token_type":"bearer","expires_in":21600,"refresh_token":"r2"}"#;
        let next = file.renewed(answer, now).unwrap();
        let Ok(Credentials::Refreshable(stored)) = Credentials::parse(&next.to_secret()) else { panic!("not refreshable") };
        assert_eq!((stored.access_token.reveal(), stored.refresh_token.reveal()), ("b", "r2"));
        assert_eq!(stored.expires_at, Some(now.plus_ms(21_600_000)));
        assert!(file.renewed(b"{}", now).is_none() && file.renewed(b"<html>", now).is_none());
        assert_eq!(file.renewed(br#"{"access_token":"b"}"#, now).unwrap().refresh_token.reveal(), "r+/=&");
    }

    #[test]
    fn a_token_is_stale_some_minutes_before_its_end() {
        let credentials = parse(r#"{"access_token":"a","refresh_token":"r","expires_at":1000}"#).unwrap();
        assert!(!credentials.is_stale(Timestamp(699_000_000)));
        assert!(credentials.is_stale(Timestamp(700_000_000)));
        assert!(!parse("token").unwrap().is_stale(Timestamp(i64::MAX)));
    }

    #[test]
    fn no_print_shows_a_secret() {
        for text in ["T1-canary", r#"{"access_token":"T1-canary","refresh_token":"T1-canary","client_secret":"T1-canary"}"#] {
            assert!(!format!("{:?}", parse(text)).contains("canary"));
        }
        assert!(!format!("{:?}", parse(r#"{"client_id":"c","client_secret":"T1-canary"}"#)).contains("canary"));
    }
}
