//! Stories of the strict reader: the bad inputs one by one, and a comparison with serde_json on made-up bodies.

use super::*;

fn refused(body: impl AsRef<[u8]>) -> JsonProblem {
    parse_value(body.as_ref()).expect_err("must be refused")
}

#[test]
fn what_is_not_json_is_malformed() {
    for body in [
        "",
        " ",
        "{\"name\":",
        "{\"a\":1} x",
        "{}{}",
        "{} {}",
        "{/*c*/}",
        "{\"a\":1,}",
        "[1,]",
        "{'a':1}",
        "{a:1}",
        "NaN",
        "Infinity",
        "-Infinity",
        "{\"a\":NaN}",
        "0x10",
        "01",
        "+1",
        ".5",
        "1.",
        "-",
        "1e",
        "\"a\nb\"",
        "\"\\x\"",
        "\"a",
        "tru",
        "{\"a\" 1}",
        "\u{a0}{}",
    ] {
        assert!(matches!(refused(body), JsonProblem::Malformed { .. }), "{body:?}: {:?}", refused(body));
    }
    assert_eq!(refused("{\n \"a\": x}"), JsonProblem::Malformed { line: 2, column: 7 });
}

#[test]
fn the_outermost_value_must_be_an_object() {
    for body in ["[]", "[{\"name\":\"a\"}]", "\"x\"", "1", "null", "true"] {
        assert_eq!(parse(body.as_bytes()), Err(JsonProblem::NotAnObject), "{body}");
    }
}

#[test]
fn a_key_stands_once_wherever_it_stands_and_however_it_is_spelt() {
    for body in [
        r#"{"name":1,"name":1}"#,
        r#"{"a":{"b":[{"c":1,"d":2,"c":3}]}}"#,
        r#"{"a":1,"\u0061":2}"#,
        "{\"\u{e9}\":1,\"e\u{301}\":2}",
        "{\"K\":1,\"\u{212a}\":2}",
        "{\"\u{212a}\":1,\"K\":2}",
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(refused(body), JsonProblem::DuplicateKey, "{body}");
    }
    assert!(parse(br#"{"a":1,"A":2,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#).is_ok());
    assert!(parse("{\"\u{e9}\":1,\"e\":2}".as_bytes()).is_ok());
}

#[test]
fn only_clean_utf8_is_read() {
    let wide = |body: &str| body.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let wide_other = |body: &str| body.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    for body in [
        b"{\"a\":\"\xff\"}".to_vec(),
        b"{\"a\":\"\xc0\xaf\"}".to_vec(),
        b"{\"a\":\"\xed\xa0\x80\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        wide("{\"a\":1}"),
        wide_other("{\"a\":1}"),
        [b"\xff\xfe".as_slice(), &wide("{}")].concat(),
        b"{\"a\":\"\\ud800\"}".to_vec(),
        b"{\"a\":\"\\udc00\"}".to_vec(),
        b"{\"a\":\"\\ud800\\u0041\"}".to_vec(),
        b"{\"a\":\"\\ud800x\"}".to_vec(),
        b"{\"\\ud800\":1}".to_vec(),
    ] {
        assert_eq!(refused(&body), JsonProblem::Encoding, "{body:?}");
    }
    assert_eq!(parse_value(br#""\ud83d\ude00""#), Ok(Value::String("😀".into())));
}

#[test]
fn a_number_is_kept_exactly_or_refused() {
    let digits = "9".repeat(400);
    for body in [
        &*digits,
        "-1e400",
        "1e400",
        "1e-400",
        "0.0001e-400",
        "18446744073709551616",
        "-9223372036854775809",
        "100000000000000000001",
        "[\"1\\\"\",0, 1e-400]",
    ] {
        assert_eq!(refused(body), JsonProblem::NumberOutOfRange, "{body}");
    }
    for (body, value) in [
        ("1.0", Value::Int(1)),
        ("-0", Value::Int(0)),
        ("-0.0e5", Value::Int(0)),
        ("0e999", Value::Int(0)),
        ("9007199254740993", Value::Int(9_007_199_254_740_993)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("18446744073709551615", Value::UInt(u64::MAX)),
        ("0.1", Value::Float(0.1)),
        ("1e20", Value::Float(1e20)),
    ] {
        assert_eq!(parse_value(body.as_bytes()), Ok(value), "{body}");
    }
    assert!(parse(br#"{"a":"1e400 18446744073709551616","b":0.0}"#).is_ok(), "digits in a text are no number");
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_value(nested(32).as_bytes()).is_ok());
    assert_eq!(refused(nested(33)), JsonProblem::TooDeep);
    assert_eq!(refused("[".repeat(100_000)), JsonProblem::TooDeep);
    assert_eq!(refused("{\"a\":".repeat(100_000)), JsonProblem::TooDeep);
    let list = |items: usize| format!("[{}]", vec!["0"; items].join(","));
    assert!(parse_value(list(1_999).as_bytes()).is_ok());
    assert_eq!(refused(list(2_000)), JsonProblem::TooManyNodes);
    let keys: Vec<String> = (0..50_000).map(|at| format!("\"k{at}\":0")).collect();
    assert_eq!(refused(format!("{{{}}}", keys.join(","))), JsonProblem::TooManyNodes);
}

#[test]
fn no_sentence_shows_what_was_sent() {
    for body in ["{\"secret\":1,\"secret\":2}", "{\"secret\"", "secret", "[1e400]"] {
        assert!(!refused(body).to_string().contains("secret"), "{body}");
    }
}

/// A small generator, so that a seed is a body for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len() as u64) as usize]
    }

    /// A body, and in the second place what the reader must find wrong beyond the grammar.
    fn value(&mut self, depth: u32, out: &mut String) -> Expected {
        let mut expected = Expected { depth, ..Expected::default() };
        match self.roll(if depth > 40 { 6 } else { 9 }) {
            0 => out.push_str(self.pick(&["null", "true", "false"])),
            1 | 2 => out.push_str(self.pick(&["0", "-1", "7.25", "1e3", "123456789012345678", "-0.5E-3", "2.0"])),
            3..=5 => out.push_str(self.pick(&["\"\"", "\"a\\n\\u00e9\"", "\"{[,]}\\\"\"", "\"\\\\\"", "\"é😀\""])),
            6 => {
                out.push('[');
                for at in 0..self.roll(4) {
                    out.push_str(if at > 0 { " ," } else { "" });
                    expected.add(self.value(depth + 1, out));
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                let mut keys = vec![];
                for at in 0..self.roll(4) {
                    out.push_str(if at > 0 { "," } else { "" });
                    let key = self.pick(&["a", "b", "c", "d", "e", "\\u0061", "long key", "é"]);
                    let plain = if key == "\\u0061" { "a" } else { key };
                    expected.duplicate |= keys.contains(&plain);
                    keys.push(plain);
                    out.push_str(&format!("\"{key}\" : "));
                    expected.add(self.value(depth + 1, out));
                }
                out.push('}');
            }
        }
        if !out.ends_with([']', '}']) {
            expected.depth = depth.saturating_sub(1);
        }
        expected
    }
}

#[derive(Default)]
struct Expected {
    /// Deepest container.
    depth: u32,
    duplicate: bool,
}

impl Expected {
    fn add(&mut self, inner: Self) {
        self.depth = self.depth.max(inner.depth);
        self.duplicate |= inner.duplicate;
    }
}

/// serde_json writes `2.0` where we read the integer 2; otherwise the trees must be equal.
fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), serde_json::Value::Object(theirs)) => {
            ours.iter().count() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Int(ours), serde_json::Value::Number(theirs)) => {
            theirs.as_i64() == Some(*ours) || theirs.as_f64() == Some(*ours as f64)
        }
        (ours, theirs) => serde_json::to_value(ours).is_ok_and(|ours| ours == *theirs),
    }
}

#[test]
fn on_made_up_bodies_we_differ_from_serde_json_only_where_we_are_stricter() {
    let (mut read, mut doubled, mut deep) = (0, 0, 0);
    for seed in 0..30_000 {
        let mut body = String::new();
        let mut dice = Dice(seed * 7_919 + 1);
        // Some bodies start deep, so that the bound is met.
        let wrapped = if dice.roll(4) == 0 { dice.roll(34) as u32 } else { 0 };
        body.push_str(&"[".repeat(wrapped as usize));
        let expected = dice.value(wrapped + 1, &mut body);
        body.push_str(&"]".repeat(wrapped as usize));
        let ours = parse_value(body.as_bytes());
        let theirs: serde_json::Value = serde_json::from_str(&body).unwrap();
        let depth = expected.depth.max(wrapped);
        match ours {
            Ok(ours) => {
                assert!(!expected.duplicate && depth <= MAX_DEPTH, "seed {seed}: {body}");
                assert!(same(&ours, &theirs), "seed {seed}: {body}");
                let text = serde_json::to_string(&ours).unwrap();
                assert_eq!(parse_value(text.as_bytes()), Ok(ours), "seed {seed}: canonical text reads back");
                read += 1;
            }
            Err(JsonProblem::DuplicateKey) => {
                assert!(expected.duplicate, "seed {seed}: {body}");
                doubled += 1;
            }
            Err(JsonProblem::TooDeep) => {
                assert!(depth > MAX_DEPTH, "seed {seed}: {body}");
                deep += 1;
            }
            Err(other) => panic!("seed {seed}: {other:?} {body}"),
        }
    }
    assert!(read > 10_000 && doubled > 500 && deep > 100, "{read} {doubled} {deep}");
}

#[test]
fn on_damaged_bodies_we_read_nothing_that_serde_json_does_not() {
    let mut refused = 0;
    for seed in 0..30_000 {
        let mut dice = Dice(seed * 104_729 + 3);
        let mut body = String::new();
        dice.value(1, &mut body);
        let mut bytes = body.into_bytes();
        let at = dice.roll(bytes.len() as u64) as usize;
        match dice.roll(3) {
            0 => bytes[at] = dice.roll(256) as u8,
            1 => bytes.truncate(at),
            _ => bytes.insert(at, b"\"{}[],:0e.\\"[dice.roll(11) as usize]),
        }
        let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
        match (parse_value(&bytes), theirs) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "seed {seed}: {:?}", String::from_utf8_lossy(&bytes)),
            (Ok(_), Err(error)) => panic!("seed {seed}: only we read {:?}: {error}", String::from_utf8_lossy(&bytes)),
            (Err(JsonProblem::DuplicateKey | JsonProblem::NumberOutOfRange), Ok(_)) | (Err(_), Err(_)) => refused += 1,
            (Err(problem), Ok(_)) => panic!("seed {seed}: {problem:?} {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
    assert!(refused > 5_000, "{refused}");
}
