//! Lists: newest first, `page` from 1, at most 100 a page, the counters beside the rows.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::request::{Answer, Content};
use super::super::world::Knobs;
use super::envelope;

const PER_PAGE: usize = 25;
const MOST_PER_PAGE: usize = 100;

/// One page of `rows`, which come in the order they are shown.
pub fn page<T>(call: &Call, rows: impl Iterator<Item = T>, shown: impl Fn(T) -> Value) -> Answer {
    let number = |key: &str| call.asked(key).and_then(|text| text.parse::<usize>().ok()).filter(|number| *number > 0);
    let (page, per_page) = (number("page").unwrap_or(1), number("per_page").unwrap_or(PER_PAGE).min(MOST_PER_PAGE));
    let rows: Vec<T> = rows.collect();
    let total = rows.len();
    let begin = per_page.saturating_mul(page - 1);
    let data: Vec<Value> = rows.into_iter().skip(begin).take(per_page).map(shown).collect();
    let body = json!({
        "meta": envelope::meta(call, 200, "Success"),
        "page": page,
        "total_page": total.div_ceil(per_page),
        "current_data": data.len(),
        "total_data": total,
        "response": data,
    });
    Answer::json(200, body)
}

/// An answer whose rows, where it is a list with counters, are as the knobs want them.
pub fn listed(mut answer: Answer, knobs: &Knobs) -> Answer {
    if let Content::Json(body) = &mut answer.body
        && body.get("total_page").is_some()
        && let Some(Value::Array(rows)) = body.get_mut("response")
    {
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.retain(|key, _| !knobs.lists_without.contains(key));
            if knobs.list_padding_bytes > 0 {
                row.insert("padding".into(), json!("x".repeat(knobs.list_padding_bytes)));
            }
        }
    }
    answer
}

/// Whether a record's text holds what is looked for, whatever the case.
pub fn contains(text: Option<&str>, looked_for: &str) -> bool {
    text.is_some_and(|text| text.to_lowercase().contains(&looked_for.to_lowercase()))
}
