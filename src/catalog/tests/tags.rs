//! Stories of `create_tag`.

use serde_json::json;

use super::*;
use crate::room::TagPolicy;

fn shown(room: &Room) -> Vec<&str> {
    room.tags.iter().map(|tag| tag.shown.as_str()).collect()
}

#[test]
fn a_tag_of_the_company_is_put_on_the_room() {
    let mut scene = Scene::new();
    scene.tags_exist(&["vip"]);
    let decision = scene.calls("create_tag", r#"{"tags":["VIP"]}"#);
    let Decision::Done { facts, result } = &decision else { panic!("{decision:?}") };
    assert_eq!(*facts, [Fact::TagsAdded { tags: vec!["vip".into()], created: vec![] }]);
    assert_eq!(result.0, r#"{"tags":["vip"],"added":["vip"],"already_present":[]}"#);
}

#[test]
fn a_new_tag_is_made_and_keeps_the_form_it_was_first_written_in() {
    let mut scene = Scene::new();
    let first = scene.calls("create_tag", r#"{"tags":"  Big   Spender "}"#);
    assert_eq!(
        result(&first),
        json!({"tags":["Big Spender"],"added":["Big Spender"],"already_present":[],"created":["Big Spender"]})
    );
    let second = scene.calls("create_tag", r#"{"tags":["big spender","new","NEW"]}"#);
    assert_eq!(
        result(&second),
        json!({"tags":["Big Spender","new"],"added":["new"],"already_present":["Big Spender"],"created":["new"]})
    );
}

#[test]
fn adding_again_changes_nothing_and_order_between_calls_does_not_matter() {
    let calls = [r#"{"tags":["a","B"]}"#, r#"{"tags":"b"}"#, r#"{"tags":["ß","Ｃ"]}"#, r#"{"tags":["SS","c","d"]}"#];
    let folded = |order: &[usize]| {
        let mut scene = Scene::new();
        for &at in order {
            scene.calls("create_tag", calls[at]);
        }
        let version = scene.room.version;
        for &at in order {
            let again = scene.calls("create_tag", calls[at]);
            assert_eq!(result(&again)["added"], json!([]));
        }
        assert_eq!(scene.room.version, version, "a tag that is there leaves no event of its own");
        let mut tags: Vec<String> = scene.room.tags.iter().map(|tag| tag.folded.clone()).collect();
        tags.sort();
        tags
    };
    let once = folded(&[0, 1, 2, 3]);
    assert_eq!(once, ["a", "b", "c", "d", "ss"]);
    for order in [[3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        assert_eq!(folded(&order), once);
    }
}

#[test]
fn limits_refuse_the_whole_call() {
    let mut scene = Scene::new();
    scene.company.settings.max_tags_per_call = 3;
    scene.company.settings.max_tags_per_room = 2;
    assert!(scene.refused("create_tag", r#"{"tags":["a","b","c","d"]}"#).message.contains('3'));
    let refusal = scene.refused("create_tag", r#"{"tags":["a","b","c"]}"#);
    assert_eq!((refusal.code, refusal.next), ("tag_limit", Next::DoNotRetry));
    scene.calls("create_tag", r#"{"tags":["a","b","A"]}"#);
    assert_eq!(shown(&scene.room), ["a", "b"], "exactly the limit fits");
    assert_eq!(scene.refused("create_tag", r#"{"tags":"c"}"#).code, "tag_limit");
    assert_eq!(result(&scene.decides("create_tag", r#"{"tags":"b"}"#))["already_present"], json!(["b"]));

    let mut scene = Scene::new();
    scene.tags_exist(&["a", "b"]);
    scene.company.settings.max_tags_per_company = 2;
    assert_eq!(scene.refused("create_tag", r#"{"tags":["a","c"]}"#).code, "tag_limit");
    assert!(matches!(scene.decides("create_tag", r#"{"tags":["a","b"]}"#), Decision::Done { .. }));
}

#[test]
fn where_tags_may_not_be_made_an_unknown_one_is_told_the_nearest() {
    let mut scene = Scene::new();
    scene.tags_exist(&["Refund", "Refund pending", "Flight", "Hotel", "VIP"]);
    scene.company.settings.tag_policy = TagPolicy::ExistingOnly;
    let refusal = scene.refused("create_tag", r#"{"tags":["vip","refunds"]}"#);
    assert_eq!((refusal.code, refusal.candidates.len()), ("unknown_tag", 3));
    assert_eq!(values(&refusal)[..2], ["Refund", "Refund pending"]);
    assert!(refusal.message.contains("`refunds`") && !refusal.message.contains("`vip`"), "{}", refusal.message);
    assert!(matches!(scene.decides("create_tag", r#"{"tags":["vip"]}"#), Decision::Done { .. }));
}

#[test]
fn a_resolved_room_may_be_tagged_and_stays_resolved() {
    let mut scene = Scene::new();
    scene.calls("resolve_conversation", r#"{"reason_code":"answered"}"#);
    let (control, lifecycle, epoch) = (scene.room.control.clone(), scene.room.lifecycle, scene.room.epoch);
    scene.seen.epoch = Some(0);
    scene.calls("create_tag", r#"{"tags":"late"}"#);
    assert_eq!(
        (shown(&scene.room), control, lifecycle, epoch),
        (vec!["late"], scene.room.control.clone(), scene.room.lifecycle, scene.room.epoch)
    );
}
