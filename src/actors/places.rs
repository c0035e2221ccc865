//! Places for work that holds something for long, as a file on its way in does, shared by companies: each may have so many at most,
//! and the last of all are for those that have none. Nobody waits for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::room::CompanyNo;

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub of_all: usize,
    pub of_one: usize,
    /// The last so many go to companies that have none.
    pub kept: usize,
}

/// Clones are the same places.
#[derive(Clone, Debug)]
pub struct Places {
    bounds: Bounds,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<CompanyNo, usize>,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    company: CompanyNo,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, taken: Arc::default() }
    }

    /// `None`: the company has all it may have, or there is none left.
    pub fn take(&self, company: CompanyNo) -> Option<Place> {
        let Bounds { of_all, of_one, kept } = self.bounds;
        let mut taken = locked(&self.taken);
        let own = taken.by.get(&company).copied().unwrap_or_default();
        let left = of_all.saturating_sub(taken.all);
        if own >= of_one || left == 0 || (own > 0 && left <= kept) {
            return None;
        }
        taken.all += 1;
        taken.by.insert(company, own + 1);
        Some(Place { company, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by.get(&self.company).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            taken.by.remove(&self.company);
        } else {
            taken.by.insert(self.company, left);
        }
    }
}

/// Two numbers are never half written.
fn locked(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_all_and_who_has_none_finds_one() {
        let places = Places::new(Bounds { of_all: 10, of_one: 4, kept: 3 });
        let takes =
            |company: i64, wanted: usize| -> Vec<Place> { (0..wanted).map_while(|_| places.take(CompanyNo(company))).collect() };
        let first = takes(1, 9);
        assert_eq!(first.len(), 4, "its own bound");
        let second = takes(2, 9);
        assert_eq!(second.len(), 3, "the last three are not for who has some");
        let others: Vec<Place> = (3..9).filter_map(|company| places.take(CompanyNo(company))).collect();
        assert_eq!(others.len(), 3);
        assert!(places.take(CompanyNo(9)).is_none(), "all are taken");
        drop((first, second, others));
        assert!(locked(&places.taken).by.is_empty(), "nothing stays of who is gone");
        assert_eq!(takes(1, 9).len(), 4);
    }
}
