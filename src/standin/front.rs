//! One request between the socket and its handler: which mount, whose token, what goes wrong, what is written down.
//! **Invariant:** a request is counted when it is received and written down when it is decided, whatever happens to its answer.

use serde_json::json;
use tokio::sync::watch;

use super::broken::{self, Voice};
use super::call::{Call, Later};
use super::chat;
use super::crm;
use super::faults::{Drawn, Kind};
use super::journal::{Entry, Kept, kept_body};
use super::rates::Side;
use super::request::{Answer, Incoming};
use super::route;
use super::signature;
use super::tokens::ChatToken;
use super::whatsapp;
use super::world::World;

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mount<'a> {
    Crm { gateway: bool, rest: &'a str },
    Chat { gateway: bool, rest: &'a str },
    Token { of_chat: bool },
    Whatsapp { rest: &'a str },
    Nowhere,
}

fn mount(path: &str) -> Mount<'_> {
    match path {
        "/oauth/token" => return Mount::Token { of_chat: false },
        "/api/open/v1/oauth/token" => return Mount::Token { of_chat: true },
        _ => {}
    }
    for (prefix, chat, gateway) in [
        ("/api/v3.1/", false, false),
        ("/qontak/crm/", false, true),
        ("/api/open/v1/", true, false),
        ("/qontak/chat/v1/", true, true),
    ] {
        if let Some(rest) = path.strip_prefix(prefix) {
            return if chat { Mount::Chat { gateway, rest } } else { Mount::Crm { gateway, rest } };
        }
    }
    whatsapp::behind_version(path).map_or(Mount::Nowhere, |rest| Mount::Whatsapp { rest })
}

/// What is going to happen to a request.
#[derive(Clone, Debug)]
pub struct Plan {
    pub delay_ms: u64,
    /// It waits for this.
    pub held: Option<watch::Receiver<()>>,
    fault: Option<Drawn>,
    org: Option<usize>,
}

impl World {
    /// Counts a request and draws what goes wrong with it.
    pub fn receive(&mut self, incoming: &Incoming) -> Plan {
        let mount = mount(&incoming.path);
        let org = self.whose(incoming, mount);
        let side = match mount {
            Mount::Chat { .. } | Mount::Token { of_chat: true } => Side::Chat,
            Mount::Whatsapp { .. } => Side::Whatsapp,
            _ => Side::Crm,
        };
        if let Some(org) = org {
            self.rates.received(org, side, incoming.received.as_microsecond());
        }
        let held = self.faults.holds(&incoming.method, &incoming.path, org);
        let (delay_ms, fault) = self.faults.draw(&incoming.method, &incoming.path, org);
        Plan { delay_ms, held, fault, org }
    }

    /// Whose request it is or would be, also with a token that does not open any more.
    fn whose(&self, incoming: &Incoming, mount: Mount<'_>) -> Option<usize> {
        match mount {
            Mount::Crm { gateway: false, .. } => self.tokens.whose_crm(incoming.bearer()?),
            Mount::Token { .. } => self.tokens.whose_crm(incoming.fields().get("refresh_token")?),
            // The gateway and the chat belong to the first organisation.
            Mount::Crm { .. } => Some(0),
            Mount::Chat { gateway: true, .. } => Some(0),
            Mount::Chat { gateway: false, .. } => self.tokens.chat(incoming.bearer()?, incoming.received).map(|_| 0),
            Mount::Whatsapp { .. } => self.whatsapp.opens_with(incoming.bearer()).then_some(0),
            Mount::Nowhere => None,
        }
    }

    /// Does what is asked, or plays the fault, and writes it down.
    pub fn act(&mut self, incoming: Incoming, plan: &Plan) -> (Answer, Vec<Later>) {
        self.requests += 1;
        let mut call = Call {
            org: plan.org.unwrap_or_default(),
            parameters: vec![],
            query: incoming.query(),
            now: jiff::Timestamp::now(),
            number: self.requests,
            unknown: vec![],
            later: vec![],
            incoming,
        };
        let path = call.incoming.path.clone();
        let mount = mount(&path);
        let voice = match mount {
            Mount::Chat { .. } => Voice::Chat,
            Mount::Whatsapp { .. } => Voice::Whatsapp,
            _ => Voice::Crm,
        };
        let elsewhere = format!("{}/_standin/trap", self.url);
        let answer = match plan.fault {
            Some(fault) if !fault.after => broken::answer(fault, &call, voice, &elsewhere, None),
            fault => {
                let real = self.answer(&mut call, mount);
                match fault {
                    Some(fault) => broken::answer(fault, &call, voice, &elsewhere, Some(real)),
                    None => real,
                }
            }
        };
        let waited = if plan.held.is_some() { Some(Kind::Held) } else { (plan.delay_ms > 0).then_some(Kind::Slow) };
        let fault = plan.fault.map(|fault| fault.kind).or(waited);
        self.note(&call, plan.org, &answer, fault);
        (answer, call.later)
    }

    fn note(&mut self, call: &Call, org: Option<usize>, answer: &Answer, fault: Option<Kind>) {
        let incoming = &call.incoming;
        let is_token = matches!(mount(&incoming.path), Mount::Token { .. });
        let body = match chat::multipart::read(incoming) {
            // Secrets stand in these bodies.
            _ if is_token => Kept::default(),
            Some(Ok(parts)) => chat::form_summary(&parts, &self.url).into(),
            Some(Err(_)) => json!("a broken form").into(),
            None => kept_body(&incoming.body),
        };
        self.journal.add(Entry {
            at: incoming.received,
            org,
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            query: incoming.query.clone(),
            status: answer.told(),
            unknown_keys: call.unknown.clone(),
            fault: fault.map(Kind::word),
            body,
        });
    }

    fn answer(&mut self, call: &mut Call, mount: Mount<'_>) -> Answer {
        match mount {
            Mount::Token { .. } if call.incoming.method != "POST" => crm::envelope::missing(call),
            Mount::Token { of_chat } => self.tokens.grant(&call.incoming, of_chat),
            Mount::Crm { gateway, rest } => match self.crm_org(call, gateway) {
                Ok(org) => {
                    call.org = org;
                    call.now -= jiff::SignedDuration::from_secs(self.knobs.crm_clock_behind_s);
                    let answer = self.run(call, crm::ROUTES, rest);
                    let answer = answer.unwrap_or_else(|| crm::envelope::wrong(call, 404, "Not Found"));
                    crm::listed(answer, &self.knobs)
                }
                Err(answer) => answer,
            },
            Mount::Chat { gateway, rest } => match self.chat_refusal(call, gateway, rest) {
                Some(refusal) => refusal,
                None => self.run(call, chat::ROUTES, rest).unwrap_or_else(chat::envelope::missing),
            },
            Mount::Whatsapp { .. } if !self.whatsapp.opens_with(call.incoming.bearer()) => whatsapp::unauthorized(),
            Mount::Whatsapp { rest } => self.run(call, whatsapp::ROUTES, rest).unwrap_or_else(|| whatsapp::unknown_object(rest)),
            Mount::Nowhere => crm::envelope::wrong(call, 404, "Not Found"),
        }
    }

    fn run(&mut self, call: &mut Call, routes: &'static [route::Route], rest: &str) -> Option<Answer> {
        let (route, parameters) = route::find(routes, &call.incoming.method, rest)?;
        call.parameters = parameters;
        let bare = |name: &str| name.strip_suffix("[]").unwrap_or(name).to_owned();
        let strange = call.query.iter().filter(|(name, _)| !route.query.contains(&bare(name).as_str()));
        let strange: Vec<String> = strange.map(|(name, _)| format!("?{name}")).collect();
        call.unknown.extend(strange);
        Some((route.run)(self, call))
    }

    fn is_signed(&self, call: &Call) -> bool {
        self.signer.as_ref().is_some_and(|signer| signature::check(&call.incoming, signer, self.strict_digest).is_ok())
    }

    fn crm_org(&self, call: &Call, gateway: bool) -> Result<usize, Answer> {
        if gateway {
            return if self.is_signed(call) { Ok(0) } else { Err(chat::envelope::gateway_unauthorized()) };
        }
        let org = call.incoming.bearer().and_then(|token| self.tokens.crm(token, call.incoming.received));
        org.ok_or_else(crm::envelope::unauthorized)
    }

    /// Why a request may not enter the chat. A bot token opens the bot's addresses and nothing else; a user token all others.
    fn chat_refusal(&self, call: &Call, gateway: bool, rest: &str) -> Option<Answer> {
        if gateway {
            if !self.is_signed(call) {
                return Some(chat::envelope::gateway_unauthorized());
            }
            let undocumented = rest.starts_with("messages/") && !self.knobs.gateway_messages;
            return undocumented.then(chat::envelope::missing);
        }
        let token = call.incoming.bearer().and_then(|token| self.tokens.chat(token, call.incoming.received));
        match (token, rest.split('/').any(|part| part == "bot")) {
            (None, _) => Some(chat::envelope::unauthorized()),
            (Some(ChatToken::Bot), true) | (Some(ChatToken::User), false) => None,
            (Some(_), _) => Some(chat::envelope::wrong(403, "This token may not do that")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_mounts_of_both_services() {
        assert_eq!(mount("/api/v3.1/deals/1"), Mount::Crm { gateway: false, rest: "deals/1" });
        assert_eq!(mount("/qontak/crm/deals"), Mount::Crm { gateway: true, rest: "deals" });
        assert_eq!(mount("/api/open/v1/rooms"), Mount::Chat { gateway: false, rest: "rooms" });
        assert_eq!(mount("/qontak/chat/v1/rooms"), Mount::Chat { gateway: true, rest: "rooms" });
        assert_eq!(mount("/oauth/token"), Mount::Token { of_chat: false });
        assert_eq!(mount("/api/open/v1/oauth/token"), Mount::Token { of_chat: true });
        assert_eq!(mount("/v23.0/106540352242922/media"), Mount::Whatsapp { rest: "106540352242922/media" });
        assert_eq!(mount("/v1/webhooks/x"), Mount::Nowhere);
        assert_eq!(mount("/api/v3/deals"), Mount::Nowhere);
    }
}
