//! Who people are whom webhooks name by an id alone, as their channel says; our directory knows them by e-mail. The channel is asked
//! beside the postman's round: one that does not answer holds up its own conversations, for a moment, and nobody else's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::room::{Company, CompanyNo};

use super::inbox::People;

/// Who somebody is there is asked again after this time.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// And this long after their channel did not say.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// No longer is an answer waited for: 2 s.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
const MOST_KNOWN: usize = 10_000;

#[derive(Clone, Debug)]
enum Known {
    Asked,
    /// `None`: there is nobody of this id, or without an e-mail.
    Said(Option<String>, Instant),
    /// The channel did not answer.
    Silent(Instant),
}

type Place = (CompanyNo, String);

/// Clones are the same.
#[derive(Clone)]
pub(super) struct Strangers {
    /// Without them everybody is known by their id there.
    people: Option<Arc<dyn People>>,
    known: Rc<RefCell<HashMap<Place, Known>>>,
    answered: Rc<Notify>,
}

impl Strangers {
    pub fn new(people: Option<Arc<dyn People>>) -> Self {
        Self { people, known: Rc::default(), answered: Rc::default() }
    }

    /// (id there, e-mail) of those of these people whose channel says who they are. `None`: it is being asked; not for long.
    pub fn emails(&self, ids: Vec<String>, company: &Company) -> Option<Vec<(String, String)>> {
        let Some(people) = self.people.as_ref().filter(|_| !company.agents.is_empty()) else { return Some(vec![]) };
        let (mut emails, mut all) = (vec![], true);
        for id in ids {
            if company.agents.iter().any(|agent| agent.id.as_str() == id) {
                continue;
            }
            let place = (company.no, id.clone());
            let known = self.known.borrow().get(&place).cloned();
            match known {
                Some(Known::Asked) => all = false,
                Some(Known::Said(email, at)) if at.elapsed() < KNOWN_FOR => emails.push((id, email.unwrap_or_default())),
                Some(Known::Silent(at)) if at.elapsed() < SILENT_FOR => {}
                _ => {
                    self.asks(people, place);
                    all = false;
                }
            }
        }
        all.then_some(emails)
    }

    /// Until somebody was answered.
    pub async fn answer(&self) {
        self.answered.notified().await;
    }

    fn asks(&self, people: &Arc<dyn People>, place: Place) {
        let (people, strangers) = (Arc::clone(people), self.clone());
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST_KNOWN {
            known.retain(|_, known| matches!(known, Known::Asked));
        }
        known.insert(place.clone(), Known::Asked);
        drop(known);
        actix::spawn(async move {
            let said = tokio::time::timeout(ANSWERS_WITHIN, people.email(place.0, &place.1)).await;
            let known = match said {
                Ok(Ok(email)) => Known::Said(email, Instant::now()),
                _ => Known::Silent(Instant::now()),
            };
            strangers.known.borrow_mut().insert(place, known);
            strangers.answered.notify_one();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::outside::OutsideFuture;
    use crate::room::{Agent, AgentId, Presence};

    /// One who knows everybody but those of company 1, of whom it says nothing.
    struct Desk;

    impl People for Desk {
        fn email<'a>(&'a self, company: CompanyNo, id: &'a str) -> OutsideFuture<'a, Option<String>> {
            Box::pin(async move {
                if company == CompanyNo(1) {
                    std::future::pending::<()>().await;
                }
                Ok(Some(format!("{id}@acme.example")))
            })
        }
    }

    fn company(no: i64) -> Company {
        let (id, name) = (AgentId::trusted("agt_1"), "Ana".to_owned());
        let ana = Agent { id, name, email: "ana@acme.example".into(), divisions: vec![], status: Presence::Online, capacity: 1 };
        Company { agents: vec![ana], ..Company::empty(CompanyNo(no)) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_that_does_not_answer_is_not_waited_for_by_others() {
        tokio::task::LocalSet::new()
            .run_until(async {
                let strangers = Strangers::new(Some(Arc::new(Desk)));
                let asked = |no: i64| strangers.emails(vec!["p7".into(), "agt_1".into()], &company(no));
                assert_eq!((asked(1), asked(2)), (None, None));
                strangers.answer().await;
                let known = vec![("p7".to_owned(), "p7@acme.example".to_owned())];
                assert_eq!((asked(1), asked(2)), (None, Some(known)), "the other has not said");
                strangers.answer().await;
                assert_eq!(asked(1), Some(vec![]), "it does without");
                tokio::time::advance(SILENT_FOR).await;
                assert_eq!(asked(1), None, "and asks again");
            })
            .await;
    }
}
