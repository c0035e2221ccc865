//! Tag names: what is allowed, and which names are the same.

/// The identity of a tag name.
pub fn fold(shown: &str) -> String {
    shown.to_lowercase()
}
