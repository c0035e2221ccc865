//! The demo tells the truth: it ends well when nothing went wrong, and it notices when something does.

use serde_json::json;
use tempfile::TempDir;

use crate::world::program;

#[test]
fn a_demo_ends_well() {
    let folder = TempDir::with_prefix("bellhop-demo-").unwrap();
    let ended = program::run(folder.path(), &["demo", "--for", "5s", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary = ended.last_line();
    assert!(summary["calls"].as_i64().unwrap() >= 50, "{summary}");
    for never in ["lost", "doubled", "out_of_order"] {
        assert_eq!(summary[never], json!(0), "{summary}");
    }
    for told in ["GET /v1/crm shows: circuit", "the CRM said 429 3 times", "stage: New -> In Progress", "7 of 7 calls succeeded"]
    {
        assert!(ended.complained.contains(told), "the story does not say {told:?}: {ended:?}");
    }
    assert!(ended.complained.contains("0 too many · 0 missing"), "the stand-in's book agrees: {ended:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing where it ran");
}

#[test]
fn a_demo_told_to_break_something_notices() {
    let folder = TempDir::with_prefix("bellhop-demo-").unwrap();
    for (fault, counted) in [("double", "doubled"), ("lose", "lost"), ("reorder", "out_of_order")] {
        let ended = program::run(folder.path(), &["demo", "--for", "5s", "--json", &format!("--break={fault}")]);
        assert_eq!(ended.code, Some(1), "{fault}: {ended:?}");
        assert_ne!(ended.last_line()[counted], json!(0), "{fault}");
    }
}
