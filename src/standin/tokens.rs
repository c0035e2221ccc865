//! Who may come in: the CRM's tokens with their rotating refresh, the chat's user and bot tokens, the token endpoint of both.
//! **Invariant:** a refresh token works once, and with it the access token it belonged to ends.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::request::{Answer, Incoming};

/// One organisation's way in.
#[derive(Clone)]
struct Pair {
    org: usize,
    access: String,
    refresh: Option<String>,
    /// `None`: it never ends by itself.
    ends_at: Option<Timestamp>,
    revoked: bool,
}

impl Pair {
    fn opens_with(&self, token: &str, now: Timestamp) -> bool {
        self.access == token && !self.revoked && self.ends_at.is_none_or(|end| now < end)
    }
}

/// What a chat token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatToken {
    User,
    Bot,
}

pub struct Tokens {
    crm: Vec<Pair>,
    chat: Vec<Pair>,
    bot: Pair,
    crm_expires_in_s: i64,
    crm_client: Option<Client>,
    spent: Vec<String>,
}

/// An app that is registered there; a refresh has to come from it.
#[derive(Clone)]
pub struct Client {
    pub client_id: String,
    pub client_secret: String,
    pub redirect_uri: String,
}

/// What the server is started with. Must never be printed.
pub struct Given {
    pub crm: Vec<String>,
    pub crm_refresh: Vec<String>,
    pub crm_expires_in_s: Option<i64>,
    pub crm_client: Option<Client>,
    pub chat: String,
    pub chat_refresh: Option<String>,
    pub bot: String,
}

/// What a token of the CRM lives, unless told otherwise.
const CRM_EXPIRES_IN_S: i64 = 21_600;
/// About a year.
const CHAT_EXPIRES_IN_S: i64 = 31_556_952;

impl Tokens {
    pub fn new(given: Given, now: Timestamp) -> Self {
        let mut refresh = given.crm_refresh.into_iter();
        let ends_at = given.crm_expires_in_s.map(|seconds| now + SignedDuration::from_secs(seconds));
        let crm = given.crm.into_iter().enumerate();
        let crm = crm.map(|(org, access)| Pair { org, access, refresh: refresh.next(), ends_at, revoked: false }).collect();
        let chat = Pair { org: 0, access: given.chat, refresh: given.chat_refresh, ends_at: None, revoked: false };
        let bot = Pair { org: 0, access: given.bot, refresh: None, ends_at: None, revoked: false };
        let crm_expires_in_s = given.crm_expires_in_s.unwrap_or(CRM_EXPIRES_IN_S);
        Self { crm, chat: vec![chat], bot, crm_expires_in_s, crm_client: given.crm_client, spent: vec![] }
    }

    pub fn crm(&self, token: &str, now: Timestamp) -> Option<usize> {
        self.crm.iter().find(|pair| pair.opens_with(token, now)).map(|pair| pair.org)
    }

    /// Whose token it is, or was: for counting requests.
    pub fn whose_crm(&self, token: &str) -> Option<usize> {
        self.crm.iter().find(|pair| pair.access == token || pair.refresh.as_deref() == Some(token)).map(|pair| pair.org)
    }

    pub fn chat(&self, token: &str, now: Timestamp) -> Option<ChatToken> {
        if self.bot.opens_with(token, now) {
            return Some(ChatToken::Bot);
        }
        self.chat.iter().any(|pair| pair.opens_with(token, now)).then_some(ChatToken::User)
    }

    /// Takes a token away, as an administrator would; it answers 401 from now on. `kind` is crm, chat or bot. `keeps_refresh`:
    /// another is granted for its refresh token.
    pub fn revoke(&mut self, kind: &str, org: usize, keeps_refresh: bool) -> bool {
        let pairs: Vec<&mut Pair> = match kind {
            "crm" => self.crm.iter_mut().filter(|pair| pair.org == org).collect(),
            "chat" => self.chat.iter_mut().collect(),
            "bot" => vec![&mut self.bot],
            _ => vec![],
        };
        let some = !pairs.is_empty();
        for pair in pairs {
            pair.revoked |= !keeps_refresh;
            pair.ends_at = Some(Timestamp::UNIX_EPOCH);
        }
        some
    }

    /// Every secret that ever opened a door here, for a test that searches them where they must not be.
    pub fn all(&self) -> Value {
        let shown = |pair: &Pair| json!({"org": pair.org, "access_token": pair.access, "refresh_token": pair.refresh});
        json!({
            "crm": self.crm.iter().map(shown).collect::<Vec<_>>(),
            "chat": self.chat.iter().map(shown).collect::<Vec<_>>(),
            "bot": shown(&self.bot),
            "spent": self.spent,
        })
    }

    /// `POST /oauth/token`. `of_chat`: it came under the chat's own address; elsewhere the refresh token tells.
    pub fn grant(&mut self, request: &Incoming, of_chat: bool) -> Answer {
        let fields = request.fields();
        let of = |key: &str| fields.get(key).map(String::as_str);
        if of("grant_type") != Some("refresh_token") {
            let known = matches!(of("grant_type"), Some("authorization_code" | "password"));
            // Nobody has a password or a code here: both grants exist and no one is let in by them.
            return refused(if known { "invalid_grant" } else { "unsupported_grant_type" });
        }
        let Some(given) = of("refresh_token").filter(|given| !given.is_empty()) else { return refused("invalid_request") };
        if let (Some(client), false) = (&self.crm_client, of_chat) {
            let asked = [&client.client_id, &client.client_secret, &client.redirect_uri].map(|text| Some(text.as_str()));
            if [of("client_id"), of("client_secret"), of("redirect_uri")] != asked {
                return Answer { status: 401, ..refused("invalid_client") };
            }
        }
        let is_it = |pair: &&mut Pair| pair.refresh.as_deref() == Some(given) && !pair.revoked;
        let in_crm = if of_chat { None } else { self.crm.iter_mut().find(is_it) };
        let (pair, status, expires_in) = match in_crm {
            Some(pair) => (pair, 200, self.crm_expires_in_s),
            None => match self.chat.iter_mut().find(is_it) {
                Some(pair) if request.is_of_type("application/json") => (pair, 201, CHAT_EXPIRES_IN_S),
                _ => return refused("invalid_grant"),
            },
        };
        let (access, refresh) = (fresh("access"), fresh("refresh"));
        self.spent.push(std::mem::replace(&mut pair.access, access.clone()));
        self.spent.extend(pair.refresh.replace(refresh.clone()));
        pair.ends_at = Some(request.received + SignedDuration::from_secs(expires_in));
        let body = json!({
            "access_token": access,
            "token_type": "bearer",
            "expires_in": expires_in,
            "refresh_token": refresh,
            "created_at": request.received.as_second(),
        });
        Answer::json(status, body)
    }
}

fn refused(error: &str) -> Answer {
    let description = match error {
        "invalid_grant" => "The provided authorization grant is invalid, expired, revoked or was already used.",
        "invalid_client" => "Client authentication failed due to unknown client or no client authentication included.",
        "invalid_request" => "The request is missing a required parameter.",
        _ => "The authorization grant type is not supported.",
    };
    Answer::json(400, json!({"error": error, "error_description": description}))
}

/// A secret nobody else has.
fn fresh(kind: &str) -> String {
    format!("standin-{kind}-{}", uuid::Uuid::now_v7().simple())
}
