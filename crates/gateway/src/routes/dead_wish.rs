//! What is wanted of dead letters: out of a query string, or out of a body.

use model::Seq;
use serde::{Deserialize, Deserializer};
use store::{DeadFilter, DeadState, LabelIs};

use crate::error::Kind;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::document::{Given, Whole};

/// The parameters of every list.
pub(crate) const KNOWN: &str = "reason, application, stream, category, name, state";
/// Most positions that one request may name.
pub(crate) const SEQS_MAX: usize = 1_000;

/// Which dead letters a body is about: `seqs` or `filter`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    #[serde(default, deserialize_with = "present")]
    state: Option<String>,
    #[serde(default, deserialize_with = "present")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "present")]
    stream: Option<String>,
    /// `null` wants those without one.
    #[serde(default)]
    application: Given<String>,
    #[serde(default)]
    category: Given<String>,
    #[serde(default)]
    name: Given<String>,
}

/// For a member that may be left out and is never `null`.
pub(crate) fn present<'de, D, T>(reader: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(reader).map(Some)
}

/// The filter of a list. Without a state it wants the open ones; an empty label wants events without one.
pub(crate) fn filter(query: &mut Query<'_>) -> Result<DeadFilter, Problem> {
    let mut label = |name: &str| -> Result<LabelIs, Problem> {
        Ok(match query.take(name)? {
            None => LabelIs::Any,
            Some(text) if text.is_empty() => LabelIs::Absent,
            Some(text) => LabelIs::Text(text.into_owned()),
        })
    };
    let (application, category, name) = (label("application")?, label("category")?, label("name")?);
    let state = query.take_as("state", "open, replayed or discarded", DeadState::parse)?;
    Ok(DeadFilter {
        state: Some(state.unwrap_or(DeadState::Open)),
        reason: query.take("reason")?.map(Into::into),
        stream: query.take("stream")?.map(Into::into),
        application,
        category,
        name,
        ..DeadFilter::default()
    })
}

/// What a body selects of those in `state`, which its act begins from.
pub(crate) fn selection(
    seqs: Option<Vec<Whole>>,
    filter: Option<Filter>,
    state: DeadState,
) -> Result<DeadFilter, Problem> {
    let wanted = DeadFilter { state: Some(state), ..DeadFilter::default() };
    match (seqs, filter) {
        (Some(seqs), None) => {
            if seqs.is_empty() || seqs.len() > SEQS_MAX {
                let words =
                    format!("seqs names 1 to {SEQS_MAX} dead letters, this one {}.", seqs.len());
                return Err(Kind::BadValue.problem(words).pointer("/seqs"));
            }
            let no_seq =
                || Kind::BadValue.problem("A seq is a number from 1 to 2^53 - 1.").pointer("/seqs");
            let seqs = seqs.into_iter().map(|seq| Seq::new(seq.0).filter(|seq| *seq != Seq::ZERO));
            let seqs = seqs.collect::<Option<Vec<Seq>>>().ok_or_else(no_seq)?;
            Ok(DeadFilter { seqs: Some(seqs), ..wanted })
        }
        (None, Some(filter)) => {
            if filter.state.is_some_and(|given| given != state.as_str()) {
                let words = format!("This is for dead letters in the state {:?}.", state.as_str());
                return Err(Kind::BadValue.problem(words).pointer("/filter/state"));
            }
            let label = |given: Given<String>| match given {
                Given::Absent => LabelIs::Any,
                Given::Null => LabelIs::Absent,
                Given::Value(text) => LabelIs::Text(text),
            };
            Ok(DeadFilter {
                reason: filter.reason,
                stream: filter.stream,
                application: label(filter.application),
                category: label(filter.category),
                name: label(filter.name),
                ..wanted
            })
        }
        (Some(_), Some(_)) => Err(Kind::BadValue
            .problem("The body has both seqs and filter.")
            .pointer("/seqs")
            .hint("name either the seqs or a filter")),
        (None, None) => Err(Kind::MissingField
            .problem("The body has neither seqs nor filter.")
            .hint("name {\"seqs\":[…]}, or {\"filter\":{…}}; an empty filter wants all")),
    }
}
