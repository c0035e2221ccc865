//! "No", in a form a language model can act on. Never carries internals, other rooms' data or a stack trace.

use serde::Serialize;

/// What the model should do next; a closed set (design.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    FixAndRetry,
    RetryLater,
    AskCustomer,
    WaitForHuman,
    DoNotRetry,
    UseOtherTool,
}

/// A choice the model may make instead, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The room understood and said no: a stable code and a sentence.
/// **Invariant:** a refused call changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Stable, snake_case.
    pub code: &'static str,
    /// One or two short sentences for the model.
    pub message: String,
    pub next: Next,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl Refusal {
    pub fn new(code: &'static str, next: Next, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), next, retry_after_ms: None, candidates: vec![], missing: vec![], allowed: vec![] }
    }

    #[must_use]
    pub fn with_candidates(mut self, candidates: impl IntoIterator<Item = String>) -> Self {
        self.candidates = candidates.into_iter().map(|value| Candidate { value, note: None }).collect();
        self
    }

    #[must_use]
    pub fn with_allowed(mut self, allowed: impl IntoIterator<Item = String>) -> Self {
        self.allowed = allowed.into_iter().collect();
        self
    }

    #[must_use]
    pub fn with_missing(mut self, missing: impl IntoIterator<Item = String>) -> Self {
        self.missing = missing.into_iter().collect();
        self
    }
}
