//! Requests as the Graph API wants them. Nothing here puts a token, a URL or a body into a log or an error.

use crate::actors::outside::Secret;
use crate::outbound::{Body, Request};

use super::WhatsappCloud;
use super::session::Session;

/// When the channel refused the token: the way out lets a probe through about then.
pub const CREDENTIALS_MS: i64 = 5_000;

impl WhatsappCloud {
    /// `path`: from the version on.
    pub(super) fn request(&self, session: &Session, method: &'static str, path: &str, body: Option<Body>) -> Request {
        let target = format!("{}{path}", session.api.mount);
        let mut headers = vec![("accept", Secret::new("application/json".into()))];
        headers.extend(session.credentials.headers(self.clock.now(), method, &target, None));
        Request {
            method,
            url: format!("{}{target}", session.api.host),
            headers,
            body,
            timeout: session.timeout(),
            writes: method != "GET",
        }
    }

    /// 0 to 1, for jitter: the clock's last digits are chance enough to spread repeats.
    pub(super) fn chance(&self) -> f64 {
        let us = u32::try_from(self.clock.now().0.rem_euclid(9_973)).unwrap_or(0);
        f64::from(us) / 9_973.0
    }
}
