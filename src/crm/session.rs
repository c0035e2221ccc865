//! Keeps each company's access current: loads it from the vault, gives its budget to the way out, refreshes its token (one at a
//! time per company over all processes, the new pair stored before it is used; qontak-api.md 1.2). Tells nobody a secret.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::Instrument;

use crate::actors::outside::{CrmDialect, Secret};
use crate::outbound::{
    Api, Body, Budget, Class, Credentials, Inner, Outcome, Request, Step, Stop, TokenFile, attempt_timeout, sort,
};
use crate::room::CompanyNo;

use super::QontakCrm;
use super::desk::{Desk, Session};
use super::refusals;

/// How often a new pair is tried to be stored before it has to wait for the next occasion.
const STORE_TRIES: u32 = 5;
/// An operator has to act; until then it is looked at again after this time.
const OPERATOR_MS: i64 = 30_000;

/// A claim outlasts its attempt by so long: the new pair has to be stored, and clocks differ.
const CLAIM_SPARE_MS: i64 = 5_000;
/// Another process holds the claim; it is looked at again after this time.
const CLAIM_AGAIN: Duration = Duration::from_millis(100);

/// What a refresh came to.
#[derive(Debug)]
enum Renewal {
    Renewed(Box<TokenFile>),
    /// Another process has refreshed it.
    Others(Arc<Session>),
    /// The refresh token is no good.
    Refused,
}

impl QontakCrm {
    pub(super) fn desk(&self, company: CompanyNo) -> Arc<Desk> {
        Arc::clone(&self.desks.entry(company).or_default())
    }

    /// The company's access as the vault has it now.
    pub(super) async fn session(&self, company: CompanyNo) -> Step<Arc<Session>> {
        let desk = self.desk(company);
        let version = self.vault.crm_version(company).await.map_err(Stop::store)?;
        let Some(version) = version else {
            desk.sit(None);
            return Err(refusals::not_connected().into());
        };
        match desk.session() {
            Some(session) if session.access.version == version => Ok(session),
            _ => self.load(company, &desk).await,
        }
    }

    /// As `session`, with a token that still lasts some minutes if there can be one.
    pub(super) async fn fresh(&self, company: CompanyNo) -> Step<Arc<Session>> {
        let session = self.session(company).await?;
        let (now, desk) = (self.clock.now(), self.desk(company));
        // A token that could not be refreshed early still works to its end: not every request need try again.
        let rests = now.0 < desk.rest_until.load(Ordering::Acquire) && !session.credentials.has_ended(now);
        if rests || !session.credentials.is_stale(now) {
            return Ok(session);
        }
        match self.refresh(company, &session, false).await {
            Ok(Some(renewed)) => Ok(renewed),
            Ok(None) | Err(_) => {
                desk.rest_until.store(now.plus_ms(OPERATOR_MS).0, Ordering::Release);
                Ok(session)
            }
        }
    }

    async fn load(&self, company: CompanyNo, desk: &Desk) -> Step<Arc<Session>> {
        let access = self.vault.crm(company).await.map_err(Stop::store)?;
        let Some(access) = access else { return Err(refusals::not_connected().into()) };
        let credentials = match Credentials::of(&access.secret, access.dialect) {
            Ok(credentials) => credentials,
            Err(why) => return Err(Stop::later(OPERATOR_MS, format!("the company's token file {why}"))),
        };
        let api = Api::mounted(&access.base_url, mount(access.dialect));
        let options = &access.options;
        let budget = Budget { per_second: options.per_second, per_minute: options.per_minute, burst: options.burst };
        self.outbound.set_budget(company, &api.host, budget);
        let session = Arc::new(Session { access, api, credentials });
        if let Some(former) = desk.session() {
            self.outbound.credentials_changed(company, &session.api.host);
            // Another token may be another organisation's, where nothing is as it was; our own refresh is not.
            let renewed = desk.pending().is_some_and(|(_, pair)| pair == session.access.secret);
            if !(renewed && former.api == session.api && former.access.options == session.access.options) {
                desk.clear();
            }
        }
        desk.sit(Some(Arc::clone(&session)));
        Ok(session)
    }

    /// After a 401 to a request that `used` signed: another access to try it with once more, if there is one.
    pub(super) async fn after_refusal(&self, company: CompanyNo, used: &Session) -> Step<Option<Arc<Session>>> {
        let session = self.session(company).await?;
        if session.access.version != used.access.version {
            return Ok(Some(session));
        }
        self.refresh(company, used, true).await
    }

    /// The CRM took our token.
    pub(super) fn accepted(&self, company: CompanyNo) {
        if let Some(desk) = self.desks.get(&company) {
            desk.unproven.store(0, Ordering::Release);
        }
    }

    /// Single-flight: whoever waited for another's refresh takes over what that one got. `None`: there is nothing to refresh,
    /// or the CRM refuses it. `refused`: because of a 401, which helps only once.
    async fn refresh(&self, company: CompanyNo, used: &Session, refused: bool) -> Step<Option<Arc<Session>>> {
        let turn = Arc::clone(&self.desk(company).refreshing).lock_owned().await;
        let (crm, version) = (self.clone(), used.access.version);
        // A task of its own: whoever asks may be dropped before the CRM answers, and by then the pair in the vault is spent.
        let task = async move {
            let _turn = turn;
            crm.refreshed(company, version, refused).await
        };
        let task = task.in_current_span();
        let task = match &self.runtime {
            Some(runtime) => runtime.spawn(task),
            None => tokio::spawn(task),
        };
        task.await.unwrap_or_else(|why| Err(Stop::later(1_000, format!("a refresh broke off: {why}"))))
    }

    async fn refreshed(&self, company: CompanyNo, version: i64, refused: bool) -> Step<Option<Arc<Session>>> {
        let (desk, session) = (self.desk(company), self.session(company).await?);
        if session.access.version != version {
            return Ok(Some(session));
        }
        let Credentials::Refreshable(file) = &session.credentials else { return Ok(None) };
        let pair = match desk.pending() {
            Some((from, pair)) if from == version => pair,
            _ if refused && desk.unproven.load(Ordering::Acquire) == version => return Ok(None),
            _ => match self.renew(company, &session, file).await? {
                Renewal::Renewed(file) => file.to_secret(),
                Renewal::Others(renewed) => return Ok(Some(renewed)),
                Renewal::Refused => {
                    tracing::warn!(event = "crm.refresh_refused", company = company.0, "the CRM refuses to refresh the token");
                    self.outbound.credentials_refused(company, &session.api.host);
                    return Ok(None);
                }
            },
        };
        // From here on the pair in the vault may be spent: the new one is the only one there is.
        desk.set_pending(Some((version, pair.clone())));
        self.store(company, version, &pair).await?;
        tracing::info!(event = "crm.token_refreshed", company = company.0);
        let renewed = self.session(company).await?;
        desk.set_pending(None);
        if refused {
            // Only now: a refresh that failed must not keep the next 401 from trying again.
            desk.unproven.store(renewed.access.version, Ordering::Release);
        }
        // A token that is short-lived from the start is not "near its end" all its life.
        let now = self.clock.now();
        let half_ms = renewed.credentials.ends_at().map_or(0, |end| end.ms_since(now) / 2);
        desk.rest_until.store(now.plus_ms(half_ms).0, Ordering::Release);
        Ok(Some(renewed))
    }

    /// Waits until no token is being refreshed, at most so long: a process that ends before loses the pair it asked for.
    pub async fn refreshes_end(&self, within: Duration) {
        let desks: Vec<Arc<Desk>> = self.desks.iter().map(|desk| Arc::clone(desk.value())).collect();
        let all = async {
            for desk in desks {
                drop(desk.refreshing.lock().await);
            }
        };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!(event = "crm.refresh_cut", "a token was still being refreshed; its new pair may be lost");
        }
    }

    async fn store(&self, company: CompanyNo, version: i64, pair: &Secret) -> Step<()> {
        let mut tried = 0;
        loop {
            match self.vault.replace_crm_secret(company, version, pair).await {
                // `false`: somebody set another token meanwhile, which counts more than ours.
                Ok(_) => return Ok(()),
                Err(why) if tried == STORE_TRIES => return Err(Stop::store(why)),
                Err(_) => tried += 1,
            }
            tokio::time::sleep(Duration::from_millis(100 << tried)).await;
        }
    }

    /// Waits for the right to spend the refresh token. `Some`: another process had it, and this is what that one got.
    async fn claim(&self, company: CompanyNo, held: &Session) -> Step<Option<Arc<Session>>> {
        let begun = self.clock.now();
        while !self.claims(company, held).await? {
            let session = self.session(company).await?;
            if session.access.version != held.access.version {
                return Ok(Some(session));
            }
            if self.clock.now().ms_since(begun) >= 2 * claim_ms(held) {
                return Err(Stop::later(1_000, "another process refreshes the token"));
            }
            tokio::time::sleep(CLAIM_AGAIN).await;
        }
        Ok(None)
    }

    async fn claims(&self, company: CompanyNo, held: &Session) -> Step<bool> {
        let now = self.clock.now();
        let (version, until) = (held.access.version, now.plus_ms(claim_ms(held)));
        self.vault.claim_refresh(company, version, &self.holder, now, until).await.map_err(Stop::store)
    }

    /// Asks for the next pair, once, and only while no other process does: of two the second would spend what is spent already.
    async fn renew(&self, company: CompanyNo, session: &Session, file: &TokenFile) -> Step<Renewal> {
        let slot = loop {
            if let Some(renewed) = self.claim(company, session).await? {
                return Ok(Renewal::Others(renewed));
            }
            let slot = self.outbound.slot(company, &session.api.host, Class::Token).await;
            // The wait for it may have been longer than a claim lasts.
            if self.claims(company, session).await? {
                break slot;
            }
        };
        let request = Request {
            method: "POST",
            url: format!("{}{}", session.api.host, session.api.token_path),
            headers: vec![("accept", Secret::new("application/json".into()))],
            body: Some(Body::Bytes("application/x-www-form-urlencoded", file.refresh_form())),
            timeout: attempt_timeout(session.access.options.attempt_timeout_ms),
            writes: true,
        };
        let now = self.clock.now();
        let reply = self.outbound.send(slot, request).await;
        let complete = |body: &[u8]| match file.renewed(body, now) {
            Some(_) => Inner::Complete,
            None => Inner::Unreadable,
        };
        match sort(reply, true, complete) {
            Outcome::Success { body } => match file.renewed(&body, now) {
                Some(renewed) => Ok(Renewal::Renewed(Box::new(renewed))),
                None => Err(Stop::later(1_000, "the token endpoint's answer cannot be read")),
            },
            Outcome::Refused { .. } | Outcome::Credentials { .. } => {
                let now = self.session(company).await?;
                // Whoever set another token in between spoke last.
                Ok(if now.access.version == session.access.version { Renewal::Refused } else { Renewal::Others(now) })
            }
            Outcome::NotDone { after_ms, why } => {
                self.vault.release_refresh(company, &self.holder).await.map_err(Stop::store)?;
                Err(Stop::later(after_ms.unwrap_or(1_000), why))
            }
            // It may be spent: the claim is kept, and others wait in vain for as long as it lasts.
            Outcome::Ambiguous { why } => Err(Stop::later(1_000, why)),
        }
    }
}

/// Time enough for one attempt and for storing what it brought.
fn claim_ms(session: &Session) -> i64 {
    i64::try_from(attempt_timeout(session.access.options.attempt_timeout_ms).as_millis())
        .unwrap_or(i64::MAX)
        .saturating_add(CLAIM_SPARE_MS)
}

/// Where the CRM's resources begin (qontak-api.md 1.1).
const fn mount(dialect: CrmDialect) -> &'static str {
    match dialect {
        CrmDialect::Bearer => "/api/v3.1",
        CrmDialect::Gateway => "/qontak/crm",
    }
}
