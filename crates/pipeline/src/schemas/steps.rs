//! A JSON value that counts how often it is looked at, so that judging has an end whatever the schema.
//!
//! A schema may send the same part of an event through itself again and again (a recursive `$ref` below `allOf` doubles with
//! each level). Nothing in a validator stops that, but every step deeper has to ask the data. Invariant: once the steps are
//! spent, objects and arrays look empty and texts are none, so nothing goes deeper any more, and whoever judged drops the outcome.

use std::borrow::Cow;
use std::cell::Cell;
use std::slice;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::{Map, Number, Value, map};

/// A text is looked at in so many bytes a step.
const TEXT_BYTES_PER_STEP: usize = 256;
/// Most for patterns in one judging: bytes of text times bytes of the compiled pattern, because in the worst case each byte of
/// a text meets each state of the pattern.
const PATTERN_WORK_MAX: u64 = 4 << 30;

/// What looking at a text costs beside the steps, because of the patterns of a schema.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PatternCost {
    /// Size of the largest compiled pattern that a text may meet each time it is looked at.
    pub(crate) text: usize,
    /// Size of all that the name of a member may meet.
    pub(crate) name: usize,
}

/// What is left of the steps of one judging.
#[derive(Debug)]
pub(crate) struct Steps {
    left: Cell<u64>,
    work_left: Cell<u64>,
    cost: PatternCost,
}

impl Steps {
    pub(crate) fn new(n_max: u64, cost: PatternCost) -> Self {
        Self { left: Cell::new(n_max), work_left: Cell::new(PATTERN_WORK_MAX), cost }
    }

    /// Whether more was wanted than there was.
    pub(crate) fn are_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// `false` once there are none left.
    fn take(&self, n: u64) -> bool {
        let left = self.left.get().saturating_sub(n);
        self.left.set(left);
        left > 0
    }

    /// The same for a text that patterns of this size may be asked about; where they cost too much nobody asks them.
    fn take_text(&self, text: &str, pattern_bytes: usize) -> bool {
        let work = (text.len() as u64).saturating_mul(pattern_bytes as u64);
        match self.work_left.get().checked_sub(work) {
            Some(left) => self.work_left.set(left),
            None => self.left.set(0),
        }
        self.take(1 + (text.len() / TEXT_BYTES_PER_STEP) as u64)
    }
}

/// `serde_json::Value`, counted.
pub(crate) struct Counted;

/// One value and the counter of the whole.
#[derive(Clone, Copy)]
pub(crate) struct CountedNode<'a> {
    pub(crate) value: &'a Value,
    pub(crate) steps: &'a Steps,
}

impl Json for Counted {
    type Node<'a> = CountedNode<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        buffer: &mut Value,
        string: &str,
        f: impl FnOnce(CountedNode<'_>) -> T,
    ) -> T {
        *buffer = Value::String(string.to_owned());
        // Names of members are paid for by the walk over the members.
        f(CountedNode { value: buffer, steps: &Steps::new(u64::MAX, PatternCost::default()) })
    }
}

impl<'a> Node<'a, Counted> for CountedNode<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        self.steps.take(1);
        self.value.as_object().map(|members| Members { members, steps: self.steps })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        self.steps.take(1);
        self.value.as_array().map(|elements| Elements { elements, steps: self.steps })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.value.as_str()?;
        self.steps.take_text(text, self.steps.cost.text).then_some(Cow::Borrowed(text))
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.steps.take(1);
        if let Value::Number(number) = self.value { Some(number) } else { None }
    }

    fn as_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn json_type(&self) -> JsonType {
        self.steps.take(1);
        JsonType::from(self.value)
    }

    fn equals_value(&self, expected: &Value) -> bool {
        self.steps.take(1);
        jsonschema::json::cmp::equal(self.value, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Borrowed(self.value)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value) as usize))
    }
}

/// The members of an object, counted.
pub(crate) struct Members<'a> {
    members: &'a Map<String, Value>,
    steps: &'a Steps,
}

impl<'a> Object<'a, Counted> for Members<'a> {
    type Node = CountedNode<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<CountedNode<'a>> {
        let steps = self.steps;
        if !steps.take(1) {
            return None;
        }
        self.members.get(key).map(|value| CountedNode { value, steps })
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter { members: self.members.iter(), steps: self.steps }
    }
}

/// A walk over members.
pub(crate) struct MembersIter<'a> {
    members: map::Iter<'a>,
    steps: &'a Steps,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, CountedNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let steps = self.steps;
        let (name, value) = self.members.next()?;
        let is_left = steps.take_text(name, steps.cost.name);
        is_left.then_some((name.as_str(), CountedNode { value, steps }))
    }
}

/// The elements of an array, counted.
pub(crate) struct Elements<'a> {
    elements: &'a [Value],
    steps: &'a Steps,
}

impl<'a> Array<'a, Counted> for Elements<'a> {
    type Node = CountedNode<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter { elements: self.elements.iter(), steps: self.steps }
    }

    fn is_unique(&self) -> bool {
        self.steps.take(self.elements.len() as u64);
        jsonschema::json::unique::is_unique(self.elements)
    }
}

/// A walk over elements.
pub(crate) struct ElementsIter<'a> {
    elements: slice::Iter<'a, Value>,
    steps: &'a Steps,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = CountedNode<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let steps = self.steps;
        if !steps.take(1) {
            return None;
        }
        self.elements.next().map(|value| CountedNode { value, steps })
    }
}
