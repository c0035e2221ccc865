//! The shapes in which models and their frameworks post calls, and what they append next.
