//! The companies' views that decisions read: one immutable picture each, replaced when something in it changed.

use std::collections::HashMap;
use std::sync::Arc;

use dashmap::DashMap;

use crate::room::{Company, CompanyNo};

use super::ports::NewTag;

/// Every company this process has met. Never holds a lock across an await.
#[derive(Debug, Default)]
pub struct Companies(DashMap<CompanyNo, Arc<Company>, ahash::RandomState>);

impl Companies {
    /// The view, or an empty company when it was never loaded (the router loads it before it lets anyone in).
    pub fn view(&self, company: CompanyNo) -> Arc<Company> {
        self.get(company).unwrap_or_else(|| Arc::new(Company::empty(company)))
    }

    pub fn get(&self, company: CompanyNo) -> Option<Arc<Company>> {
        self.0.get(&company).map(|view| view.clone())
    }

    pub fn set(&self, view: Company) -> Arc<Company> {
        let view = Arc::new(view);
        self.0.insert(view.no, view.clone());
        view
    }

    pub fn numbers(&self) -> Vec<CompanyNo> {
        self.0.iter().map(|entry| *entry.key()).collect()
    }

    /// Tags that a room's commit has just made.
    pub fn add_tags(&self, company: CompanyNo, tags: &[NewTag]) {
        if let Some(mut view) = self.0.get_mut(&company) {
            let mut known: HashMap<Arc<str>, Arc<str>> = view.tags.clone();
            for tag in tags {
                known.entry(tag.folded.as_str().into()).or_insert_with(|| tag.shown.as_str().into());
            }
            *view = Arc::new(Company { tags: known, ..(**view).clone() });
        }
    }
}
