//! Holds the client's own log against the journal: what was lost, what happened twice, what changed places. Pure, so that it
//! can be shown to find each of the three.

use std::collections::{BTreeMap, HashMap, HashSet};

use clap::ValueEnum;
use serde::Serialize;

use super::book::Balance;
use super::robot::Ack;

/// An event of a room, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Line {
    pub seq: i64,
    /// With what it waits for, when it is about waiting: a call may wait for one thing after another.
    pub kind: String,
    /// The call it was done for.
    pub call: Option<String>,
    /// Tags it added.
    pub tags: Vec<String>,
}

/// What a second connection read from the database.
#[derive(Clone, Debug, Default)]
pub struct JournalCopy {
    /// Every room's events in order of `seq`.
    pub rooms: BTreeMap<String, Vec<Line>>,
    /// Ids of calls that have a row.
    pub rows: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Different calls that were acknowledged.
    pub calls: u64,
    /// Acknowledged, but without a row, an event or the tag it is said to have added; or wished for and not in the CRM.
    pub lost: u64,
    /// Admitted more than once, or an effect that is there twice, also in the CRM.
    pub doubled: u64,
    /// Calls that stand after one that was sent only when they were already acknowledged, and gaps in `seq`.
    pub out_of_order: u64,
}

impl Verdict {
    /// With what the other side's book says.
    pub fn and(self, book: Balance) -> Self {
        Self { lost: self.lost + book.missing, doubled: self.doubled + book.doubled, ..self }
    }

    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.out_of_order == 0
    }
}

pub fn compare(log: &[Ack], journal: &JournalCopy) -> Verdict {
    let mut first: HashMap<&str, &Ack> = HashMap::new();
    let mut fresh: HashMap<&str, u64> = HashMap::new();
    for ack in log {
        first.entry(&ack.call_id).or_insert(ack);
        *fresh.entry(&ack.call_id).or_default() += u64::from(!ack.replayed);
    }
    let admitted_again: u64 = fresh.values().map(|count| count.saturating_sub(1)).sum();
    let mut verdict = Verdict { calls: first.len() as u64, doubled: admitted_again, ..Verdict::default() };
    let mut place: HashMap<&str, i64> = HashMap::new();
    for lines in journal.rooms.values() {
        let gaps = lines.iter().zip(1..).filter(|(line, seq)| line.seq != *seq).count();
        verdict.out_of_order += gaps as u64;
        verdict.doubled += twice(lines);
        for line in lines {
            if let Some(call) = &line.call {
                place.entry(call).or_insert(line.seq);
            }
        }
    }
    let mut by_room: BTreeMap<&str, Vec<(i64, &Ack)>> = BTreeMap::new();
    for (call_id, ack) in first {
        let there = |tag: &String| {
            let lines = journal.rooms.get(&ack.room).map(Vec::as_slice).unwrap_or_default();
            lines.iter().any(|line| line.call.as_deref() == Some(call_id) && line.tags.contains(tag))
        };
        match place.get(call_id) {
            Some(seq) if journal.rows.contains(call_id) && ack.added.iter().all(there) => {
                by_room.entry(&ack.room).or_default().push((*seq, ack));
            }
            _ => verdict.lost += 1,
        }
    }
    verdict.out_of_order += by_room.into_values().map(misplaced).sum::<u64>();
    verdict
}

/// Events of one kind that one call left twice, and tags that were added though they were there.
fn twice(lines: &[Line]) -> u64 {
    let mut kinds: HashSet<(&str, &str)> = HashSet::new();
    let mut tags: HashSet<String> = HashSet::new();
    let mut found = 0;
    for line in lines {
        let again = line.call.as_deref().is_some_and(|call| !kinds.insert((call, &line.kind)));
        let tag_again = line.tags.iter().filter(|tag| !tags.insert(tag.to_lowercase())).count() > 0;
        found += u64::from(again || tag_again);
    }
    found
}

/// Acks of one room whose place contradicts what the client saw.
fn misplaced(mut acks: Vec<(i64, &Ack)>) -> u64 {
    acks.sort_by_key(|(seq, _)| *seq);
    let mut latest_sent = 0;
    let mut in_request: HashMap<u64, usize> = HashMap::new();
    let mut found = 0;
    for (_, ack) in acks {
        // Something sent only after this one was acknowledged already stands before it.
        let overtaken = ack.acked_us < latest_sent;
        let swapped = in_request.insert(ack.request, ack.index).is_some_and(|before| before > ack.index);
        found += u64::from(overtaken || swapped);
        latest_sent = latest_sent.max(ack.sent_us);
    }
    found
}

/// What `--break` does to the copy, so that everybody can see that the comparison is not blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Break {
    Double,
    Lose,
    Reorder,
}

/// Tampers with the copy. Answers whether there was something to tamper with.
pub fn tamper(how: Break, log: &[Ack], journal: &mut JournalCopy) -> bool {
    let by_call = |wanted: &Ack| (wanted.room.clone(), wanted.call_id.clone());
    let at = |lines: &[Line], call: &str| lines.iter().position(|line| line.call.as_deref() == Some(call));
    match how {
        Break::Lose => {
            let Some((room, call)) = log.iter().rev().find(|ack| !ack.replayed).map(by_call) else { return false };
            let Some(lines) = journal.rooms.get_mut(&room) else { return false };
            lines.retain(|line| line.call.as_deref() != Some(&call));
            for (line, seq) in lines.iter_mut().zip(1..) {
                line.seq = seq;
            }
            journal.rows.remove(&call)
        }
        Break::Double => {
            let Some((room, call)) = log.iter().find(|ack| !ack.added.is_empty()).map(by_call) else { return false };
            let Some(lines) = journal.rooms.get_mut(&room) else { return false };
            let Some(mut copy) = at(lines, &call).and_then(|place| lines.get(place)).cloned() else { return false };
            copy.seq = lines.len() as i64 + 1;
            lines.push(copy);
            true
        }
        Break::Reorder => {
            let one_line = |ack: &Ack| {
                let lines = journal.rooms.get(&ack.room)?;
                let mut places = (0..lines.len()).filter(|place| lines[*place].call.as_deref() == Some(&ack.call_id));
                let place = places.next()?;
                (places.next().is_none() && !ack.replayed).then_some(place)
            };
            // Two calls of which the second was sent when the first was acknowledged already.
            let pair = log.iter().find_map(|first| {
                let place = one_line(first)?;
                let after = |second: &&Ack| second.room == first.room && second.sent_us > first.acked_us;
                let other = log.iter().filter(after).find_map(one_line)?;
                Some((first.room.clone(), place, other))
            });
            let Some((room, one, two)) = pair else { return false };
            let Some(lines) = journal.rooms.get_mut(&room) else { return false };
            lines.swap(one, two);
            for (line, seq) in lines.iter_mut().zip(1..) {
                line.seq = seq;
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(call: &str, request: u64, times: (u128, u128), added: &[&str]) -> Ack {
        let added = added.iter().map(|tag| (*tag).to_owned()).collect();
        let (sent_us, acked_us) = times;
        Ack { room: "r".into(), request, index: 0, call_id: call.into(), sent_us, acked_us, replayed: false, added }
    }

    fn line(seq: i64, call: &str, tags: &[&str]) -> Line {
        let kind = if tags.is_empty() { "call_answered" } else { "tags_added" };
        Line { seq, kind: kind.into(), call: Some(call.into()), tags: tags.iter().map(|tag| (*tag).to_owned()).collect() }
    }

    fn sample() -> (Vec<Ack>, JournalCopy) {
        let log = vec![ack("a", 1, (10, 20), &["x"]), ack("b", 2, (30, 40), &[]), ack("c", 3, (35, 50), &["y"])];
        let lines = vec![line(1, "a", &["x"]), line(2, "c", &["y"]), line(3, "b", &[])];
        let rows = ["a", "b", "c"].map(String::from).into();
        (log, JournalCopy { rooms: [("r".to_owned(), lines)].into(), rows })
    }

    #[test]
    fn a_journal_that_agrees_is_clean() {
        let (log, journal) = sample();
        assert_eq!(compare(&log, &journal), Verdict { calls: 3, ..Verdict::default() });
    }

    #[test]
    fn each_way_to_break_it_is_found_as_what_it_is() {
        let broken = |how| {
            let (log, mut journal) = sample();
            assert!(tamper(how, &log, &mut journal));
            compare(&log, &journal)
        };
        assert_eq!(broken(Break::Lose), Verdict { calls: 3, lost: 1, ..Verdict::default() });
        assert_eq!(broken(Break::Double), Verdict { calls: 3, doubled: 1, ..Verdict::default() });
        let reordered = broken(Break::Reorder);
        assert_eq!((reordered.lost, reordered.doubled, reordered.out_of_order > 0), (0, 0, true));
    }

    #[test]
    fn what_the_other_side_has_twice_or_not_counts() {
        let (log, journal) = sample();
        let book = Balance { wished: 3, once: 1, doubled: 2, missing: 1 };
        assert_eq!(compare(&log, &journal).and(book), Verdict { calls: 3, lost: 1, doubled: 2, out_of_order: 0 });
    }

    #[test]
    fn a_call_admitted_twice_and_a_gap_are_found() {
        let (mut log, mut journal) = sample();
        log.push(ack("a", 9, (60, 70), &["x"]));
        journal.rooms.get_mut("r").unwrap().remove(1);
        let verdict = compare(&log, &journal);
        assert_eq!((verdict.doubled, verdict.lost, verdict.out_of_order), (1, 1, 1));
    }
}
