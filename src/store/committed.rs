//! The seal. Only the store can make one, so nothing that needs a `Committed<T>` can happen before `T` is durable.

/// `T`, and the proof that it is on disk.
/// **Invariant:** made only by a journal after its transaction is durable (`tests/tidy.rs` and this visibility see to it).
#[derive(Debug)]
pub struct Committed<T>(T);

impl<T> Committed<T> {
    pub(in crate::store) fn seal(value: T) -> Self {
        Self(value)
    }

    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, when nobody needs the proof any more.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Something that became durable together with `T`.
    pub fn with<U>(&self, f: impl FnOnce(&T) -> U) -> Committed<U> {
        Committed(f(&self.0))
    }
}
