//! The companies' views that decisions read: one immutable picture each, replaced when something in it changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::{DashMap, Entry};

use crate::room::{Company, CompanyNo};

use super::ports::NewTag;

/// Every company this process has met. Never holds a lock across an await.
#[derive(Debug, Default)]
pub struct Companies {
    views: DashMap<CompanyNo, Known, ahash::RandomState>,
    readings: AtomicU64,
}

#[derive(Debug)]
struct Known {
    view: Arc<Company>,
    reading: Reading,
}

/// One reading of the directory, by when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading(u64);

impl Companies {
    /// The view, or an empty company when it was never loaded (the router loads it before it lets anyone in).
    pub fn view(&self, company: CompanyNo) -> Arc<Company> {
        self.get(company).unwrap_or_else(|| Arc::new(Company::empty(company)))
    }

    pub fn get(&self, company: CompanyNo) -> Option<Arc<Company>> {
        self.views.get(&company).map(|known| known.view.clone())
    }

    /// To be called before the directory is read.
    pub fn reading(&self) -> Reading {
        Reading(self.readings.fetch_add(1, Ordering::AcqRel))
    }

    /// The view from now on. A reading that began later and was faster stays: it saw all that this one has seen.
    pub fn set(&self, view: Company, reading: Reading) -> Arc<Company> {
        let no = view.no;
        let new = Known { view: Arc::new(view), reading };
        match self.views.entry(no) {
            Entry::Occupied(known) if known.get().reading > reading => known.get().view.clone(),
            entry => entry.insert(new).view.clone(),
        }
    }

    pub fn numbers(&self) -> Vec<CompanyNo> {
        self.views.iter().map(|entry| *entry.key()).collect()
    }

    /// Tags that a room's commit has just made.
    pub fn add_tags(&self, company: CompanyNo, tags: &[NewTag]) {
        if let Some(mut known) = self.views.get_mut(&company) {
            let mut all: HashMap<Arc<str>, Arc<str>> = known.view.tags.clone();
            for tag in tags {
                all.entry(tag.folded.as_str().into()).or_insert_with(|| tag.shown.as_str().into());
            }
            known.view = Arc::new(Company { tags: all, ..(*known.view).clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two changes of a company at once: whichever reading comes back last, the later one counts.
    #[test]
    fn a_reading_that_was_overtaken_changes_nothing() {
        let (companies, no) = (Companies::default(), CompanyNo(1));
        let (first, second) = (companies.reading(), companies.reading());
        let newer = Company { crm: true, ..Company::empty(no) };
        assert!(companies.set(newer, second).crm);
        assert!(companies.set(Company::empty(no), first).crm, "whoever read first is told what counts");
        assert!(companies.view(no).crm);
        assert!(!companies.set(Company::empty(no), companies.reading()).crm);
    }
}
