//! A harmless look whether a company's system outside can be used: how long it may take, and what is said when it cannot. Each
//! system says itself what it looks at.

use std::sync::Arc;
use std::time::Duration;

use super::stop::{Step, Stop};
use crate::actors::outside::LineView;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Crm,
    Channel,
}

impl System {
    const fn name(self) -> &'static str {
        match self {
            Self::Crm => "CRM",
            Self::Channel => "channel",
        }
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Crm => "bellhop company crm set",
            Self::Channel => "bellhop company channel set",
        }
    }
}

/// Why it cannot be used. Each sentence is for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckProblem {
    #[error("the company has no {}: set one with `{}`", .0.name(), .0.command())]
    NotConnected(System),
    /// Somebody is there and does not take our token.
    #[error("{host} refuses the token; give a new one with `{}`", .of.command())]
    TokenRefused { of: System, host: String },
    #[error("no usable answer came from {host}: {why}")]
    NoAnswer { host: String, why: Arc<str> },
    #[error("the {} cannot be used: {why}", .of.name())]
    Unusable { of: System, why: Arc<str> },
}

/// Longer than `patience` nobody waits at a terminal. `seen`: where it was looked, and what the way out has seen there: that tells
/// a refusal from silence; `None`: it came to no request.
pub async fn look_at<T>(
    of: System,
    patience: Duration,
    look: impl Future<Output = Step<T>>,
    seen: impl FnOnce() -> Option<(String, LineView)>,
) -> Result<T, CheckProblem> {
    let too_long = || Stop::later(0, format!("nothing within {} s", patience.as_secs()));
    let looked = tokio::time::timeout(patience, look).await.unwrap_or_else(|_| Err(too_long()));
    looked.map_err(|stop| match stop {
        Stop::Refuse(_) => CheckProblem::NotConnected(of),
        Stop::Later { why, .. } => problem(of, seen(), why),
    })
}

fn problem(of: System, seen: Option<(String, LineView)>, why: Arc<str>) -> CheckProblem {
    let Some((host, seen)) = seen else { return CheckProblem::Unusable { of, why } };
    let came = |outcome: &str| seen.attempts.get(outcome).copied().unwrap_or_default() > 0;
    if seen.token == "refused" || !seen.refused.is_empty() {
        CheckProblem::TokenRefused { of, host }
    } else if seen.throttled > 0 || came("success") || came("refused") || seen.attempts.is_empty() {
        CheckProblem::Unusable { of, why }
    } else {
        CheckProblem::NoAnswer { host, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_tells_a_refusal_from_silence() {
        let seen = |token: &'static str, attempts: &[&'static str]| {
            let attempts = attempts.iter().map(|outcome| (*outcome, 1)).collect();
            Some(("https://there.test".to_owned(), LineView { token, attempts, ..LineView::default() }))
        };
        let sentence = |seen| problem(System::Channel, seen, "a read was refused with 404".into()).to_string();
        assert!(
            sentence(seen("refused", &["credentials"]))
                .contains("refuses the token; give a new one with `bellhop company channel")
        );
        assert!(
            sentence(seen("untried", &["ambiguous", "not_done"])).starts_with("no usable answer came from https://there.test")
        );
        for came in [seen("valid", &["ambiguous", "refused"]), seen("valid", &["success"]), seen("untried", &[]), None] {
            assert!(sentence(came).starts_with("the channel cannot be used: "));
        }
    }
}
