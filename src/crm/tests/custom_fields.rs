//! Custom fields, kind by kind: what is sent for what a model writes, and what is sent back of what was read.

use super::*;
use crate::crm::template;

fn rows() -> Vec<FieldRow> {
    let options = json!([{"id": 1, "name": "Red"}, {"id": 2, "name": "Red, dark"}, {"id": 3, "name": "Blue"}]);
    let kinds = [
        "Single-line text",
        "Text Area",
        "Number",
        "Date",
        "Date time",
        "Dropdown select",
        "Multiple select",
        "Percentage",
        "Checklist",
        "URL",
        "Upload",
        "Photo",
        "Signature",
        "GPS",
        "Gps",
    ];
    let rows = kinds.iter().zip(10..).map(|(kind, id)| {
        json!({"id": id, "name": format!("n{id}"), "name_alias": kind, "additional_field": true, "type": kind, "dropdown": options})
    });
    template::fields(&rows.collect::<Vec<_>>())
}

fn row(kind: &str) -> FieldRow {
    rows().into_iter().find(|row| row.kind == kind).unwrap()
}

#[test]
fn each_kind_takes_its_own_form() {
    for (kind, text, value, how) in [
        ("Single-line text", " two words ", json!("two words"), How::Text),
        ("Text Area", "a\nb", json!("a\nb"), How::Text),
        ("Number", "12.50", json!("12.50"), How::Number),
        ("Date", "2026-01-10", json!("10/01/2026"), How::Day),
        ("Date time", "2026-01-10T09:30", json!("2026-01-10T09:30:00.000+07:00"), How::Moment),
        ("Dropdown select", "BLUE", json!("3"), How::Id),
        ("Multiple select", "blue; red", json!("3,1"), How::Ids),
        ("Multiple select", "Red, dark", json!("2"), How::Ids),
        ("Multiple select", "Red, Blue, red", json!("1,3"), How::Ids),
        ("Percentage", "10 %", json!("10.0"), How::Number),
        ("Percentage", "12.5", json!("12.5"), How::Number),
        ("URL", "https://x.example", json!("https://x.example"), How::Text),
        ("Upload", "http://x.example/a.pdf", json!("http://x.example/a.pdf"), How::Text),
        ("GPS", "-6.2, 106.8", json!("-6.2,106.8"), How::Text),
        ("Gps", "-6.2,106.8", json!("-6.2,106.8"), How::Text),
    ] {
        let made = entry(&row(kind), text).unwrap();
        assert_eq!((&made.entry["value"], made.how), (&value, how), "{kind} {text}");
        assert_eq!(made.entry["id"], json!(row(kind).id), "{kind}");
    }
    assert_eq!(entry(&row("Dropdown select"), "red").unwrap().entry["value_name"], "Red");
    let place = entry(&row("GPS"), "-6.2, 106.8").unwrap().entry;
    assert_eq!((&place["lat"], &place["long"]), (&json!("-6.2"), &json!("106.8")));
}

#[test]
fn what_a_kind_cannot_take_is_refused() {
    for (kind, text, code) in [
        ("Number", "1,000", "invalid_value"),
        ("Number", "1.000.000", "invalid_value"),
        ("Number", "5 pcs", "invalid_value"),
        ("Date", "10/01/2026", "invalid_value"),
        ("Date", "2026-02-30", "invalid_value"),
        ("Date time", "tomorrow", "invalid_value"),
        ("Dropdown select", "Green", "unknown_option"),
        ("Multiple select", "Red, Green", "unknown_option"),
        ("Multiple select", ",", "unknown_option"),
        ("Percentage", "a lot", "invalid_value"),
        ("URL", "x.example", "invalid_value"),
        ("GPS", "200, 10", "invalid_value"),
        ("GPS", "somewhere", "invalid_value"),
        ("Checklist", "x", "field_not_settable"),
        ("Photo", "x", "field_not_settable"),
        ("Signature", "x", "field_not_settable"),
    ] {
        assert_eq!(entry(&row(kind), text).unwrap_err().code, code, "{kind} {text}");
    }
}

#[test]
fn what_was_read_is_sent_back_in_the_forms_of_writes() {
    let record = json!({"additional_fields": [
        {"id": 10, "name": "n10", "value": "x", "value_name": null},
        {"id": 11, "name": "n11", "value": "", "value_name": null},
        {"id": 12, "name": "n12", "value": null, "value_name": null},
        {"id": 13, "name": "n13", "value": "2026-01-10T00:00:00.000+07:00"},
        {"id": 15, "name": "n15", "value": 3, "value_name": "Blue"},
        {"id": 16, "name": "n16", "value": "1,3", "value_name": ["Red", "Blue"]},
        {"id": 18, "name": "n18", "value": "{}"},
        {"id": 21, "name": "n21", "value": "photo.jpg"},
        {"id": 22, "name": "n22", "value": "signature.png"},
        {"id": 23, "name": "n23", "value": "-6.2,106.8", "long": "106.8", "lat": "-6.2"},
        {"id": 99, "name": "gone from the template", "value": "kept"},
        "no object",
    ]});
    assert_eq!(
        Value::Array(kept(record.as_object().unwrap(), &rows())),
        json!([
            {"id": 10, "name": "n10", "value": "x"},
            {"id": 13, "name": "n13", "value": "10/01/2026"},
            {"id": 15, "name": "n15", "value": "3", "value_name": "Blue"},
            {"id": 16, "name": "n16", "value": "1,3"},
            {"id": 23, "name": "n23", "value": "-6.2,106.8", "long": "106.8", "lat": "-6.2"},
            {"id": 99, "name": "gone from the template", "value": "kept"},
        ])
    );
}
