//! Whom the carrier of an effect speaks with: the room it is carried for, and the lane it is carried on. Two things that must not be
//! taken for each other: the room decides and writes down, the lane only says whose turn it is.

use std::future::Future;

use super::{Submission, Word};

pub trait Beside {
    /// The effect's outcome is not known now: the room hears so.
    fn doubts(&self);

    /// The room's word; its yes is durable when this answers.
    fn asks(&self, word: Word) -> impl Future<Output = Submission>;

    /// It only waits to be told whether it was taken: what comes behind it in its room begins.
    fn lets_pass(&self);

    /// It goes on, once nothing else of its room is under way. False: nobody gives it a turn.
    fn comes_back(&self) -> impl Future<Output = bool>;
}
