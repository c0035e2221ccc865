//! Reading single values out of the vendor's records, which are loose about types: ids as numbers or text, amounts as text,
//! a company once scalar and once in an array (qontak-api.md 1.3, 1.5). Never fails: what cannot be read is absent.

use serde_json::{Map, Value};

/// A record as the CRM shows it.
pub type Record = Map<String, Value>;

/// An id, whether number or text.
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        // The deal's company: an array of one (qontak-api.md 1.5).
        Value::Array(items) => items.first().and_then(int),
        _ => None,
    }
}

pub fn int_of(record: &Record, key: &str) -> Option<i64> {
    record.get(key).and_then(int)
}

/// A text that says something.
pub fn text_of<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
    let value = match record.get(key)? {
        Value::Array(items) => items.first()?,
        value => value,
    };
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// A number, whether it came as one or as text ("2500000.0").
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// A number as JSON: whole ones without a point.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
pub fn amount(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 { Value::from(number as i64) } else { Value::from(number) }
}

/// Ids in an array; whatever else stands there is left out.
pub fn ids(record: &Record, key: &str) -> Vec<i64> {
    match record.get(key) {
        Some(Value::Array(items)) => items.iter().filter_map(int).collect(),
        Some(value) => int(value).into_iter().collect(),
        None => vec![],
    }
}

/// Nothing that would count as filled in.
pub fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.iter().all(|item| is_blank(Some(item))),
        Some(_) => false,
    }
}

/// The entries of `additional_fields`.
pub fn custom_fields(record: &Record) -> impl Iterator<Item = &Record> {
    record.get("additional_fields").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// The custom field with this id.
pub fn custom_field(record: &Record, id: i64) -> Option<&Record> {
    custom_fields(record).find(|field| int_of(field, "id") == Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(value: &Value) -> Record {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn values_are_read_in_every_shape_the_vendor_writes_them() {
        let deal = record(&json!({
            "id": 41, "text_id": "42", "crm_company_id": [7], "crm_company_name": ["Toko"], "size": "2500000.0", "null": null,
            "blank": " ", "crm_lead_ids": [1, "2", null], "empty": [], "alone": 9,
        }));
        assert_eq!(
            [int_of(&deal, "id"), int_of(&deal, "text_id"), int_of(&deal, "crm_company_id")],
            [Some(41), Some(42), Some(7)]
        );
        assert_eq!(int_of(&deal, "null"), None);
        assert_eq!((text_of(&deal, "crm_company_name"), text_of(&deal, "blank")), (Some("Toko"), None));
        assert_eq!(number(&deal["size"]), Some(2_500_000.0));
        assert_eq!(number(&json!("two")), None);
        assert_eq!((ids(&deal, "crm_lead_ids"), ids(&deal, "alone"), ids(&deal, "none")), (vec![1, 2], vec![9], vec![]));
        assert!(is_blank(deal.get("blank")) && is_blank(deal.get("empty")) && is_blank(None) && is_blank(Some(&json!([null]))));
        assert!(!is_blank(deal.get("id")));
    }

    #[test]
    fn a_whole_amount_is_written_without_a_point() {
        assert_eq!(amount(25_000_000.0).to_string(), "25000000");
        assert_eq!(amount(12.5).to_string(), "12.5");
    }
}
