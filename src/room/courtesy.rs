//! Whether a customer's words are only a thank-you: said so soon after a conversation was resolved, they do not open it again.
//! A short list and a bound on length, never a guess: what is not surely a courtesy is a question.

/// Longer messages are never only a courtesy.
const LONGEST: usize = 40;

/// Words of thanks, greeting and assent, as people write them in English and Indonesian.
const WORDS: &[&str] = &[
    "thanks",
    "thank",
    "you",
    "thx",
    "ty",
    "tq",
    "ok",
    "okay",
    "oke",
    "okey",
    "great",
    "good",
    "nice",
    "perfect",
    "cool",
    "bye",
    "goodbye",
    "cheers",
    "much",
    "so",
    "very",
    "all",
    "got",
    "it",
    "makasih",
    "terima",
    "kasih",
    "trims",
    "trimakasih",
    "terimakasih",
    "sama",
    "siap",
    "baik",
    "sip",
    "mantap",
    "kak",
    "min",
    "ya",
    "yes",
    "noted",
    "well",
    "appreciated",
];

/// Those of them that say nothing alone: one of the others must be there too.
const FILLERS: &[&str] = &["you", "much", "so", "very", "all", "it", "kak", "min", "got", "yes", "ya"];

pub fn is_courtesy(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.contains('?') || text.contains(char::is_numeric) {
        return false;
    }
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).peekable();
    if words.peek().is_none() {
        // Nothing but signs: a smiley, a thumb.
        return !lower.is_ascii();
    }
    let mut meant = false;
    for word in words {
        if !WORDS.contains(&word) {
            return false;
        }
        meant |= !FILLERS.contains(&word);
    }
    meant
}

#[cfg(test)]
mod tests {
    use super::is_courtesy;

    #[test]
    fn thanks_are_a_courtesy_and_questions_are_not() {
        for text in ["Thanks!", "ok thank you so much", "Terima kasih kak 🙏", "👍", "Oke, siap"] {
            assert!(is_courtesy(text), "{text}");
        }
        for text in ["Thanks, and where is my order", "ok?", "yes", "it", "", "...", "cancel it", "ok 2 more", "no thanks"] {
            assert!(!is_courtesy(text), "{text}");
        }
    }
}
