//! Promises about schemas: versions are only ever added, one of them is in force, the configuration keeps its keys to itself.

use futures_util::future::join_all;
use model::ContentHash;

use crate::audit::AuditStore;
use crate::schemas::{
    ConfiguredSchema, SCHEMAS_MAX, SchemaAct, SchemaChange, SchemaKey, SchemaMode, SchemaRefusal,
    SchemaSource, SchemaStates, SchemaStore, SchemaText,
};
use crate::tests::conformance::sample::at;

fn key(category: &str) -> SchemaKey {
    SchemaKey {
        stream: "events".to_owned(),
        category: Some(category.to_owned()).filter(|category| !category.is_empty()),
        name: None,
    }
}

fn text(text: &str) -> SchemaText {
    let digest = ContentHash::of(&[Some(text.trim().as_bytes())]);
    SchemaText { text: text.to_owned(), digest }
}

fn put(mode: SchemaMode, schema: Option<&str>, activate: bool) -> SchemaAct {
    SchemaAct::Put { mode, text: schema.map(text), activate }
}

async fn change(
    store: &impl SchemaStore,
    category: &str,
    act: SchemaAct,
) -> Result<SchemaStates, SchemaRefusal> {
    let change = SchemaChange { key: key(category), act, at: at(7), by: "anna".to_owned() };
    store.change_schema(change).await.unwrap()
}

/// One version, in force.
pub(crate) async fn put_one(store: &impl SchemaStore) {
    change(store, "a", put(SchemaMode::Keep, Some("1"), true)).await.unwrap();
}

pub(crate) async fn versions_stay_and_any_of_them_can_be_put_in_force(
    store: &(impl SchemaStore + AuditStore),
) {
    assert_eq!(
        change(store, "a", put(SchemaMode::Keep, None, true)).await,
        Err(SchemaRefusal::NotFound)
    );
    put_one(store).await;
    change(store, "a", put(SchemaMode::Keep, Some("2"), false)).await.unwrap();
    let states = change(store, "a", put(SchemaMode::Reject, None, true)).await.unwrap();
    assert_eq!((states.change, states.states[0].n_versions), (3, 2));
    assert_eq!(states.states[0].active, Some((1, "1".to_owned())), "not activated");
    assert_eq!(states.states[0].mode, SchemaMode::Reject);
    change(store, "a", SchemaAct::Activate { version: 2 }).await.unwrap();
    assert_eq!(
        change(store, "a", SchemaAct::Activate { version: 3 }).await,
        Err(SchemaRefusal::NotFound)
    );
    let states = change(store, "a", put(SchemaMode::Keep, Some(" 1 "), true)).await.unwrap();
    assert_eq!(states.states[0].active, Some((1, "1".to_owned())), "the same text again");
    let states = change(store, "a", SchemaAct::TurnOff).await.unwrap();
    assert_eq!((states.states[0].mode, states.states[0].n_versions), (SchemaMode::Off, 2));
    let versions = store.schema_versions(&key("a")).await.unwrap().unwrap();
    let shown: Vec<_> =
        versions.iter().map(|v| (v.version, v.text.as_str(), v.is_active)).collect();
    assert_eq!(shown, [(2, "2", false), (1, "1", true)]);
    assert_eq!(store.schema_versions(&key("b")).await.unwrap(), None);
    let acts = store.audited(None, 100).await.unwrap();
    let acts: Vec<_> = acts.iter().map(|line| line.entry.act.as_str()).collect();
    assert_eq!(
        acts,
        ["schema.off", "schema.put", "schema.activate", "schema.put", "schema.put", "schema.put"]
    );
}

pub(crate) async fn the_configuration_keeps_its_keys_to_itself_until_it_lets_go(
    store: &impl SchemaStore,
) {
    let configured = |schema: &str| {
        let (mode, text) = (SchemaMode::Keep, text(schema));
        vec![ConfiguredSchema { key: key(""), mode, text }]
    };
    let configure =
        async |schemas| store.configure_schemas(schemas, at(9), "config").await.unwrap().unwrap();
    let first = configure(configured("1")).await;
    assert_eq!(first.states[0].source, SchemaSource::Config);
    assert_eq!(configure(configured("1")).await, first, "nothing differs, nothing changes");
    for act in
        [put(SchemaMode::Off, None, true), SchemaAct::TurnOff, SchemaAct::Activate { version: 1 }]
    {
        assert_eq!(change(store, "", act).await, Err(SchemaRefusal::FromConfig));
    }
    assert_eq!(configure(configured("2")).await.states[0].active, Some((2, "2".to_owned())));
    let state = &configure(Vec::new()).await.states[0];
    assert_eq!((state.source, state.mode), (SchemaSource::Api, SchemaMode::Off));
    assert_eq!(state.n_versions, 2);
    change(store, "", SchemaAct::Activate { version: 1 }).await.unwrap();
}

pub(crate) async fn there_are_only_so_many_keys(store: &impl SchemaStore) {
    for nth in 0..SCHEMAS_MAX {
        change(store, &format!("c{nth}"), put(SchemaMode::Keep, Some("1"), true)).await.unwrap();
    }
    let refused = change(store, "one more", put(SchemaMode::Keep, Some("1"), true)).await;
    assert_eq!(refused, Err(SchemaRefusal::TooMany));
    let states = change(store, "c0", put(SchemaMode::Keep, Some("2"), true)).await.unwrap();
    let categories: Vec<_> = states.states.iter().map(|state| &state.key.category).collect();
    assert!(categories.is_sorted(), "by the order of bytes: c10 before c2");
    assert_eq!(categories.len(), SCHEMAS_MAX);
}

pub(crate) async fn versions_that_come_at_once_are_counted_one_by_one(store: &impl SchemaStore) {
    let texts: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
    let put = |text| change(store, "a", put(SchemaMode::Keep, Some(text), false));
    let states = join_all(texts.iter().map(|text| put(text))).await;
    let mut changes: Vec<_> = states.iter().map(|res| res.as_ref().unwrap().change).collect();
    changes.sort_unstable();
    assert_eq!(changes, (1..=12).collect::<Vec<_>>());
    let versions = store.schema_versions(&key("a")).await.unwrap().unwrap();
    let versions: Vec<_> = versions.iter().map(|version| version.version).collect();
    assert_eq!(versions, (1..=12).rev().collect::<Vec<_>>());
}
