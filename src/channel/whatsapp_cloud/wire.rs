//! Requests as the Graph API wants them. Nothing here puts a token, a URL or a body into a log or an error.

use crate::actors::outside::Secret;
use crate::outbound::{Body, Request, attempt_timeout};

use super::WhatsappCloud;
use super::session::Session;

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
            timeout: attempt_timeout(session.access.options.attempt_timeout_ms),
            writes: method != "GET",
        }
    }
}
