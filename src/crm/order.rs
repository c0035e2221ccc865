//! Whether a list has its newest first, as far as it was seen: nobody promises that it has (qontak-api.md section 5, 15). Pure.

/// A list in order of time may be out of it by so much: what is made at once is not listed in the order of its milliseconds.
pub const DISORDER_US: i64 = 10_000_000;

/// What was seen of a list, row after row.
#[derive(Default)]
pub struct Order {
    last: Option<i64>,
    lowest: i64,
    falls: bool,
    rises: bool,
}

impl Order {
    /// The next row was created then (microseconds).
    pub fn see(&mut self, at: i64) {
        let lowest = if let Some(last) = self.last.replace(at) {
            self.falls |= at < last;
            self.rises |= at > self.lowest.saturating_add(DISORDER_US);
            self.lowest.min(at)
        } else {
            at
        };
        self.lowest = lowest;
    }

    pub fn newest_first(&self) -> bool {
        self.falls && !self.rises
    }
}
