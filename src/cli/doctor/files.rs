//! The doctor's look at the bucket where files lie: something small is put there, read and removed again.

use super::{Check, Level, check};
use crate::config::Config;
use crate::library::look_at_bucket;
use crate::outbound::Carrier;

/// One line when there is a bucket.
pub async fn checks(config: &Config) -> Vec<Check> {
    let Some(bucket) = &config.bucket else { return vec![] };
    let found = match Carrier::new() {
        Ok(carrier) => look_at_bucket(bucket, carrier).await.map_err(|refused| refused.to_string()),
        Err(why) => Err(why),
    };
    vec![match found {
        Ok(()) => check("files", Level::Ok, format!("{bucket} takes, gives and removes"), None),
        Err(why) => check("files", Level::Fail, format!("{bucket}: {why}"), Some("bellhop config show")),
    }]
}
