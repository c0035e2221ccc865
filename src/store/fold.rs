//! Indexes that SQLite brings up to date later. An index whose entries lie at random costs every call a page of its own, more
//! than everything else about it (reference/hot-path.md); so new entries gather in memory, are sorted a window at a time, and are
//! written evenly, some inside a group commit. **Invariant:** every line is in its index, or its row's position is above the mark
//! in `meta`, or both; so the index and a walk over the newest rows find all, at every moment and after every crash.

use diesel::prelude::*;

/// Lines brought into an index at once while nothing else is to do.
const SLICE: usize = 256;
/// Fewer lines wait for the next group commit: so many together meet more of their neighbours' pages.
const STEP: usize = 64;

/// How many are due next of `all` that are done one after the other, `done` of them so far: as many as keep pace with `come` of the
/// `window` new ones after which it begins anew; none while that is less than a `step`. Done as fast as possible they made the
/// journal twice as busy as it is in between, and at half load (README, Numbers) calls were late then.
pub(super) fn paced(all: usize, done: usize, come: usize, window: usize, step: usize) -> usize {
    let to = if come >= window { all } else { all * come / window };
    let due = to.saturating_sub(done);
    if due < step && to < all { 0 } else { due }
}

/// One entry of an index that lags behind. Sorted as its index is.
pub(super) trait Line: Copy + Ord {
    /// So many lines are sorted together: more are fewer pages to write and a longer tail to read after a crash.
    const WINDOW: usize;

    /// Of the row it stands for.
    fn position(&self) -> i64;

    /// Into the index; once more, after a crash, for some of them.
    fn insert(&self, c: &mut SqliteConnection) -> QueryResult<()>;

    /// All rows up to `position` are in the index.
    fn mark(c: &mut SqliteConnection, position: i64) -> QueryResult<()>;
}

/// The journal's own memory of the lines that are not in their index yet.
/// **Invariant:** together with the index it is complete, or a line would never be folded.
pub(super) struct Tail<L> {
    /// Not sorted yet, in order of position.
    new: Vec<L>,
    /// Sorted, on their way into the index; those before `done` are in it.
    window: Vec<L>,
    done: usize,
}

impl<L> Default for Tail<L> {
    fn default() -> Self {
        Self { new: vec![], window: vec![], done: 0 }
    }
}

impl<L: Line> Tail<L> {
    /// What an earlier connection, or process, left.
    pub fn of(lines: Vec<L>) -> Self {
        Self { new: lines, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.window.is_empty()
    }

    /// Of a row that is durable.
    pub fn push(&mut self, line: L) {
        self.new.push(line);
    }

    pub fn lines(&self) -> impl Iterator<Item = &L> {
        self.new.iter().chain(self.window.iter().skip(self.done))
    }

    /// So many lines belong into the group commit that writes `rows` rows, that a window is done when the next one is full.
    pub fn due(&mut self, rows: usize) -> usize {
        self.prepare(L::WINDOW);
        paced(self.window.len(), self.done, self.new.len() + rows, L::WINDOW, STEP)
    }

    fn prepare(&mut self, least: usize) {
        if self.window.is_empty() && self.new.len() >= least {
            std::mem::swap(&mut self.window, &mut self.new);
            self.window.sort_unstable();
            self.done = 0;
        }
    }

    /// Writes the next lines, in the transaction that is open.
    pub fn write(&self, c: &mut SqliteConnection, lines: usize) -> QueryResult<()> {
        for line in &self.window[self.done..self.done + lines] {
            line.insert(c)?;
        }
        if lines > 0 && self.done + lines == self.window.len() {
            L::mark(c, self.window.iter().map(Line::position).max().unwrap_or(0))?;
        }
        Ok(())
    }

    /// The transaction with these lines is durable; `each` is told of every one.
    pub fn wrote(&mut self, lines: usize, each: impl FnMut(&L)) {
        self.window[self.done..self.done + lines].iter().for_each(each);
        self.done += lines;
        if self.done == self.window.len() {
            self.window.clear();
            self.done = 0;
        }
    }

    /// A slice in a transaction of its own, while nothing else is to do. How many lines it was.
    pub fn fold(&mut self, c: &mut SqliteConnection, each: impl FnMut(&L)) -> QueryResult<usize> {
        self.prepare(1);
        let lines = (self.window.len() - self.done).min(2 * SLICE);
        if lines > 0 {
            c.immediate_transaction(|c| self.write(c, lines))?;
            self.wrote(lines, each);
        }
        Ok(lines)
    }
}
