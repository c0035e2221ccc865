//! The tables as diesel sees them, the same for both databases. Kept by hand beside `migrations/`; names nothing else.

macro_rules! tables {
    ($($table:ident ($($key:ident),+) { $($column:ident: $kind:ty,)+ })+) => {
        $( diesel::table! { $table ($($key),+) { $($column -> $kind,)+ } } )+
        diesel::allow_tables_to_appear_in_same_query!($($table,)+);
    };
}

tables! {
    meta (id) { id: BigInt, config_version: BigInt, }
    owners (id) { id: BigInt, epoch: BigInt, taken_at: BigInt, holder: Text, connection: BigInt, }
    companies (no) { no: BigInt, id: Text, name: Text, created_at: BigInt, }
    keys (id) {
        id: Text, company: BigInt, role: Text, ai_agent: Nullable<Text>, hash: Binary, created_at: BigInt, revoked_at: Nullable<BigInt>,
    }
    ai_agents (company, id) {
        company: BigInt, id: Text, created_at: BigInt, draft: Nullable<Text>, draft_version: BigInt, revision: BigInt,
    }
    revisions (company, ai_agent, revision) {
        company: BigInt, ai_agent: Text, revision: BigInt, tools: Text, published_at: BigInt, by: Text, note: Nullable<Text>,
        restored: Nullable<BigInt>,
    }
    tags (company, folded) { company: BigInt, folded: Text, shown: Text, created_at: BigInt, }
    agents (company, id) {
        company: BigInt, id: Text, name: Text, email: Text, divisions: Text, status: Text, capacity: BigInt,
    }
    divisions (company, id) { company: BigInt, id: Text, name: Text, hours: Nullable<Text>, }
    settings (company) { company: BigInt, version: BigInt, body: Text, }
    audit (position) { position: BigInt, company: BigInt, at: BigInt, by: Text, what: Text, }
    rooms (room_key) {
        room_key: Binary, company: BigInt, room_id: Text, version: BigInt, epoch: BigInt, owner_epoch: BigInt, status: Text, control: Text,
        assignee: Nullable<Text>, assignment: BigInt, paused: Bool, snapshot: Binary, created_at: BigInt,
    }
    room_events (position) {
        position: BigInt, company: BigInt, room_key: Binary, seq: BigInt, at: BigInt, by: Text, cause_kind: Text, cause: Text, kind: Text,
        payload: Text,
    }
    function_calls (position) {
        position: BigInt, call_key: Binary, company: BigInt, call_id: Text, tool_call_id: Nullable<Text>, room_key: Binary,
        ai_agent: Nullable<Text>, key_id: Text, name: Text, arguments: Text, meaning: Binary, seen_epoch: Nullable<BigInt>,
        seen_seq: Nullable<BigInt>, status: Text, body: Text, at: BigInt, ended_at: Nullable<BigInt>, revision: Nullable<BigInt>,
    }
    message_keys (message_key) { message_key: Binary, room_key: Binary, at: BigInt, }
    timers (room_key, kind) { room_key: Binary, kind: Text, company: BigInt, room_id: Text, due_at: BigInt, cause: Text, }
    effects (call_key) {
        call_key: Binary, company: BigInt, room_id: Text, call_id: Text, action: Text, retries: BigInt, settlement: Nullable<Text>,
        settled_at: Nullable<BigInt>, at: BigInt,
    }
    effect_parts (call_key, no) {
        call_key: Binary, no: BigInt, name: Text, company: BigInt, part: Text, shown_name: Nullable<Text>, started_at: BigInt,
        owner_epoch: BigInt, attempts: BigInt, idle: Bool, record: Nullable<Text>, answer: Nullable<Text>, ended_at: Nullable<BigInt>,
    }
    crm_access (company) {
        company: BigInt, base_url: Text, dialect: Text, options: Text, sealed: Binary, version: BigInt, updated_at: BigInt,
        refresh_version: BigInt, refresh_holder: Text, refresh_until: BigInt,
    }
    files (company, key) {
        company: BigInt, key: Text, description: Text, for_agents: Bool, version: BigInt, created_at: BigInt, archived_at: Nullable<BigInt>,
        deleted_at: Nullable<BigInt>,
    }
    file_versions (company, key, version) {
        company: BigInt, key: Text, version: BigInt, sha256: Text, size: BigInt, mime: Text, kind: Text, filename: Text, uploaded_at: BigInt,
        by: Text,
    }
    file_sources (company, key) {
        company: BigInt, key: Text, description: Text, for_agents: Bool, template: Text, filename: Nullable<Text>, created_at: BigInt,
        archived_at: Nullable<BigInt>,
    }
    fetched_files (company, sha256, call_key) { company: BigInt, sha256: Text, call_key: Binary, fetched_at: BigInt, }
    revoked_links (company, room_id, call_id) { company: BigInt, room_id: Text, call_id: Text, revoked_at: BigInt, }
    channel_access (company) {
        company: BigInt, kind: Text, base_url: Text, dialect: Text, options: Text, sealed: Binary, webhook_key: Binary, public_url: Text,
        version: BigInt, updated_at: BigInt,
    }
    inbox (position) {
        position: BigInt, company: BigInt, source: Text, dedupe_key: Binary, room_id: Text, body: Text, received_at: BigInt,
        done_at: Nullable<BigInt>,
    }
    channel_media (company, account, sha256) {
        company: BigInt, account: Text, sha256: Text, media_id: Text, uploaded_at: BigInt,
    }
    channel_echoes (company, call_key, part) {
        company: BigInt, call_key: Binary, part: BigInt, message_id: Text, heard_at: BigInt,
    }
    channel_rooms (company, room_id) { company: BigInt, room_id: Text, known: Text, }
}
